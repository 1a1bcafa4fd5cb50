// An Env whose reads fail one at a time, each in turn.
import { describe, expect, onTestFinished, test } from 'vitest'
import { hostedEnv, RocksDB, type RocksDBOptions } from '#src/index.js'
import { fillLevels, keyAt, lazily } from '../support/many-levels.js'
import { all } from './open-database.js'

const keys = 1500
const utf8 = { keyEncoding: 'utf8', valueEncoding: 'utf8' } as const
const path = '/shaky/db'
const withoutCache = { ...lazily, block_based_table_factory: { no_block_cache: true } }

type Model = ReadonlyMap<string, string>

/**
 * Opens and reads the database again and again: first with the first access to a table failing, then with the second,
 * until each has failed once.
 *
 * @returns number of times that `read` threw; otherwise `check` gets its result.
 */
async function failEach<T>(
  options: RocksDBOptions,
  read: (db: RocksDB) => Promise<T>,
  check: (found: T, model: Model) => void,
): Promise<number> {
  const buffer = new SharedArrayBuffer(8)
  const [accesses, failing] = [0, 1]
  const control = new Int32Array(buffer).fill(-1, failing)
  const env = hostedEnv({
    module: new URL('failing-env.js', import.meta.url),
    export: 'createFailingEnv',
    options: buffer,
  })
  onTestFinished(() => env.close())
  const model = await fillLevels(path, { env, keys })
  let failures = 0
  for (let number = 0; number <= Atomics.load(control, accesses); number++) {
    Atomics.store(control, failing, -1)
    const db = await RocksDB.open(path, { env, readOnly: true, options })
    Atomics.store(control, accesses, 0)
    Atomics.store(control, failing, number)
    const found = await read(db).catch((error: Error) => error)
    await db.close()
    if (!(found instanceof Error)) {
      check(found, model)
    } else {
      expect(found.message).toMatch(/\/shaky\/db\/\d+\.sst: no answer/)
      failures++
    }
  }
  return failures
}

describe.each([
  ['without a block cache', withoutCache],
  ['with a block cache', lazily],
])('%s', (_, options) => {
  test.each([false, true])(
    'a scan has all entries or rejects, whichever read fails (reversed: %s)',
    async (reverse) => {
      const failures = await failEach(
        options,
        (db) => all(db.iterator({ ...utf8, reverse })),
        (found, model) => expect(found).toEqual(reverse ? [...model].reverse() : [...model]),
      )
      expect(failures).toBeGreaterThan(30)
    },
  )

  test('a getMany has all values or rejects, whichever read fails', async () => {
    const asked = Array.from({ length: keys }, (__, index) => keyAt(index))
    const failures = await failEach(
      options,
      (db) => db.getMany(asked, { valueEncoding: 'utf8' }),
      (found, model) => expect(found).toEqual(asked.map((key) => model.get(key))),
    )
    expect(failures).toBeGreaterThan(30)
  })
})
