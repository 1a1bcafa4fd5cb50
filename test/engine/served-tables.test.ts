// An Env that serves its files itself, and fails in the middle of one append of RocksDB.
import { expect, onTestFinished, test } from 'vitest'
import { hostedEnv, RocksDB } from '#src/index.js'

/** More than a frame carries. */
const value = Buffer.alloc(9_000_000, 'text that is long ')

test.each([
  ['NoSpace', 'waits for room, and goes on with the same table', 1],
  ['IOError', 'is made again by RocksDB, as another table', 2],
])(
  'a flush that meets %s after a part of an append %s, and no byte is written twice',
  async (code, _, tables) => {
    const module = new URL('small-env.js', import.meta.url)
    const env = hostedEnv({ module, export: 'createSmallEnv', options: { code } })
    onTestFinished(() => env.close())
    const options = { compression: 'none', block_based_table_factory: { no_block_cache: true } } as const
    const db = await RocksDB.open('/small/db', { env, options })
    onTestFinished(() => db.close())
    await db.put('key', value)
    await db.flush()
    expect(await env.metrics()).toEqual({ tables })
    expect((await db.get('key'))?.equals(value)).toBe(true)
  },
)
