import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { RocksDB } from '#src/index.js'
import { havePrograms, programSuite } from '../native/programs.js'
import { runCli } from '../support/cli.js'
import { Machine, newRoot, pathsBelow } from '../support/machine.js'
import { mainTestStores, type TestStore } from '../support/test-stores.js'

const utf8 = { valueEncoding: 'utf8' } as const

/** Writes a value and flushes it, on a machine of its own. */
async function write(store: TestStore, name: string, value: string): Promise<void> {
  const machine = new Machine(store)
  await machine.open(
    async (db) => {
      await db.put('key', value)
      await db.flush()
    },
    { path: join(machine.root, name) },
  )
}

/** Reads a value on another machine. */
async function read(store: TestStore, name: string): Promise<string | undefined> {
  const machine = new Machine(store)
  return machine.open((db) => db.get('key', utf8), { path: join(machine.root, name), readOnly: true })
}

async function keysBelow(store: TestStore, prefix: string): Promise<string[]> {
  return [...(await store.list()).keys()].filter((key) => key.startsWith(`${prefix}/`))
}

describe.each(mainTestStores())('in $name', ({ make }) => {
  test('databases beside and inside each other share a store, each with its own content', async () => {
    const store = make()
    const names = ['a', 'a/b', 'a/b/c', 'ab', 'd']
    for (const name of names) await write(store, name, `of ${name}`)
    for (const name of names) await write(store, name, `again of ${name}`)
    for (const name of names) expect(await read(store, name)).toBe(`again of ${name}`)
  })

  test('one Env serves several databases at once', async () => {
    const store = make()
    const machine = new Machine(store)
    await machine.open(async (db, env) => {
      const inner = await RocksDB.open(join(machine.path, 'inner'), { env })
      await db.put('key', 'outer')
      await inner.put('key', 'inner')
      await Promise.all([db.flush(), inner.flush()])
      await inner.close()
      expect(await db.get('key', utf8)).toBe('outer')
    })
    expect(await read(store, 'db')).toBe('outer')
    expect(await read(store, 'db/inner')).toBe('inner')
  })

  test('objects of any name beside a database do no harm, and nothing is created outside the root', async () => {
    const store = make()
    await write(store, 'db', 'sound')
    const [table = ''] = (await keysBelow(store, 'db')).filter((key) => key.includes('.sst-'))
    const epoch = table.slice(table.indexOf('-') + 1)
    const names = [
      '../escaped',
      '../../escaped.sst-abc',
      '/etc/escaped',
      'x/../../escaped',
      `000099.sst-../${epoch}`,
      `000099.sst-${epoch}\\..\\..\\escaped`,
      `../000099.sst-${epoch}`,
      '\u0001\u001b[2J.sst-abc',
      `000098.sst-${epoch}\n000097.sst-${epoch}`,
      `${'9'.repeat(200)}.sst-${epoch}`,
      `18446744073709551615.sst-${epoch}`,
      `9007199254740993.sst-${epoch}`,
      `0x10.sst-${epoch}`,
      `-1.sst-${epoch}`,
      `1e3.sst-${epoch}`,
      `7.sst-${epoch}`,
      '000003.log',
      'CURRENT',
      'LOCK',
      'CLOUDENV',
      'MANIFEST-..',
      'MANIFEST-000001',
      'CLOUDMANIFEST-\u0000',
      'IDENTITY.tmp',
    ]
    const before = await store.list()
    // Some stores refuse some of the names.
    for (const name of names) await store.put(`db/${name}`, Buffer.from('hostile')).catch(() => undefined)
    const hostile = [...(await store.list()).keys()].filter((key) => !before.has(key))
    expect(hostile.length).toBeGreaterThan(10)

    const parent = newRoot()
    const machine = new Machine(store, { root: join(parent, 'far/down') })
    const path = join(parent, 'far/down/db')
    const seen: string[] = []
    await machine.open(
      async (db) => {
        expect(await db.get('key', utf8)).toBe('sound')
        await db.put('other', '1')
        await db.flush()
        await db.compactRange()
        seen.push(...(await pathsBelow(parent)))
      },
      { path },
    )
    expect(seen.filter((name) => !/^far(\/down(\/\.cloudenv.*|\/db(\/[\w.-]+)?)?)?$/.test(name))).toEqual([])
    expect(seen.filter((name) => /escaped|0000(97|98|99)\.|9{9}/.test(name))).toEqual([])
    expect(await machine.open((db) => db.getMany(['key', 'other'], utf8), { path })).toEqual(['sound', '1'])
    // Foreign objects stay.
    expect([...(await store.list()).keys()]).toEqual(expect.arrayContaining(hostile))
  })

  describe.skipIf(!havePrograms)(programSuite('with db_bench'), () => {
    test('destroying a database removes all of it, and leaves those nested in it', async () => {
      const store = make()
      for (const name of ['outer', 'outer/inner', 'outer2']) await write(store, name, `of ${name}`)
      const isOuter = (key: string) => key.startsWith('outer/') && !key.startsWith('outer/inner/')
      const before = (await keysBelow(store, 'outer')).filter(isOuter)
      const others = [...(await store.list())].filter(([key]) => /^outer2|^outer\/inner/.test(key))

      const machine = new Machine(store)
      const { endpoint, region, credentials } = store.connection
      const connection = endpoint ? ['--endpoint', endpoint, '--region', region!] : []
      const env = credentials && {
        AWS_ACCESS_KEY_ID: credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      }
      // Without --use_existing_db it destroys what it finds, then makes a new database.
      const program = ['db_bench', `--db=${join(machine.root, 'outer')}`, '--benchmarks=levelstats']
      const place = ['--store', store.url(), '--root', machine.root]
      const ended = await runCli(['exec', ...place, ...connection, '--', ...program], env)
      expect(ended, ended.stderr).toMatchObject({ code: 0 })

      const after = (await keysBelow(store, 'outer')).filter(isOuter)
      expect(after.filter((key) => before.includes(key)).sort()).toEqual([
        'outer/CLOUDMANIFEST',
        'outer/IDENTITY',
      ])
      expect(await read(store, 'outer')).toBeUndefined()
      expect([...(await store.list())].filter(([key]) => /^outer2|^outer\/inner/.test(key))).toEqual(others)
      expect(await read(store, 'outer/inner')).toBe('of outer/inner')
      expect(await read(store, 'outer2')).toBe('of outer2')
    })
  })
})
