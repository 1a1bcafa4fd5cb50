import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { TableList } from '#src/inspect/table-info.js'
import type { CliResult } from '../../support/cli.js'
import { runCommand } from '../../support/command-runner.js'
import { filesOf, fixtureArguments, fixtureDatabases, fixtureStore } from '../../support/fixture-views.js'
import { fixtureSuite, haveFixtures } from '../../support/fixtures.js'
import { putHostile } from '../../support/hostile-database.js'
import { Machine } from '../../support/machine.js'
import { internalKey, smallTable } from '../../support/raw-table.js'
import { cliAccess, mainTestStores, type TestStore } from '../../support/test-stores.js'

describe.runIf(haveFixtures)(fixtureSuite('tables, of what rocksdb-cloud wrote'), () => {
  test.each(fixtureDatabases())(
    '$title: has the numbers of ldb and sst_dump, and changes nothing',
    async (database) => {
      const before = filesOf(database)
      const cliArguments = fixtureArguments(database, fixtureStore(database))
      const { code, stdout, stderr } = await runCommand(['tables', '--json', '--entries', ...cliArguments])
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      const list: TableList = JSON.parse(stdout)
      const text = (bytes: { base64: string }) => Buffer.from(bytes.base64, 'base64').toString()
      const shown = list.tables!.map((table) => {
        expect(table.storedBytes).toBe(table.sizeBytes)
        expect(table.object.endsWith(`-${table.epoch}`)).toBe(true)
        const objectName = table.object.slice(table.object.lastIndexOf('/') + 1)
        const dump = readFileSync(join(database.fixture.directory, 'dump', `${objectName}.txt`), 'utf8')
        const created = Number(/file creation time: (\d+)/.exec(dump)![1])
        if (created > 0) expect(table.created).toBe(new Date(created * 1000).toISOString())
        return {
          number: table.number,
          objectName,
          columnFamily: table.columnFamily,
          level: table.level,
          size: table.sizeBytes,
          sequences: [BigInt(table.smallestSequence!), BigInt(table.largestSequence!)],
          keys: [text(table.smallestKey), text(table.largestKey)],
          entries: table.entries,
        }
      })
      // Both list them in the order of the tree.
      expect(shown).toEqual(database.tables)
      expect(list.problems).toEqual([])
      expect(filesOf(database)).toEqual(before)
    },
  )
})

describe('tables of a database with two levels and two column families', () => {
  let store: TestStore
  beforeAll(async () => {
    store = mainTestStores()[0]!.make()
    await new Machine(store).open(
      async (db) => {
        const write = async (from: number, to: number, length: number) => {
          for (let at = from; at <= to; at++) await db.put(`k${at}`, 'v'.repeat(length))
          await db.flush()
        }
        await write(1, 5, 10)
        await db.compactRange()
        await write(4, 8, 2000)
        await write(9, 9, 100)
        const columnFamily = db.columnFamily('backwards')
        await db.put('a', '1', { columnFamily })
        await db.put('z', '1', { columnFamily })
        await db.flush({ columnFamily })
      },
      {
        options: { disable_auto_compactions: true, compression: 'kNoCompression' },
        columnFamilies: { backwards: { comparator: 'rocksdb.ReverseBytewiseComparator' } },
      },
    )
  })

  const tables = (...cliArguments: string[]): Promise<CliResult> =>
    runCommand(['tables', store.url('db'), ...cliArguments])
  const ranges = async (...cliArguments: string[]) => {
    const { tables: shown }: TableList = JSON.parse((await tables('--json', ...cliArguments)).stdout)
    return shown!.map(({ smallestKey, largestKey }) => `${smallestKey.text}-${largestKey.text}`)
  }

  test('are in the order of reading: the newest of level 0 first', async () => {
    expect(await ranges()).toEqual(['k9-k9', 'k4-k8', 'k1-k5', 'z-a'])
  })

  test.each([
    ['key', ['k1-k5', 'k4-k8', 'k9-k9', 'z-a']],
    ['number', ['k1-k5', 'k4-k8', 'k9-k9', 'z-a']],
  ])('--sort %s', async (order, expected) => {
    expect(await ranges('--sort', order)).toEqual(expected)
  })

  test('--sort size puts the largest first', async () => {
    expect((await ranges('--sort', 'size'))[0]).toBe('k4-k8')
  })

  test('--level and --column-family choose', async () => {
    expect(await ranges('--level', '0', '--column-family', 'default')).toEqual(['k9-k9', 'k4-k8'])
    expect(await ranges('--column-family', 'backwards')).toEqual(['z-a'])
    expect(await ranges('--level', '3')).toEqual([])
  })

  test.each([
    ['k4', ['k4-k8', 'k1-k5']],
    ['0x6b39', ['k9-k9']],
    ['k99', []],
  ])('--key %s finds the tables that may hold it', async (key, expected) => {
    expect(await ranges('--column-family', 'default', '--key', key)).toEqual(expected)
  })

  test('--key uses the order of the column family', async () => {
    expect(await ranges('--column-family', 'backwards', '--key', 'm')).toEqual(['z-a'])
  })

  test.each([[['--level', '99']], [['--key', 'zzz']], [['--column-family', 'default', '--level', '3']]])(
    'no match for %j is reported, and is not an error',
    async (filter) => {
      const stderr = 'cloudenv: of 4 tables none is as asked for\n'
      expect(await tables(...filter)).toEqual({ code: 0, stdout: '0 tables, 0 B\n', stderr })
      const { stdout, ...rest } = await tables('--json', ...filter)
      expect(rest).toEqual({ code: 0, stderr })
      expect(JSON.parse(stdout)).toMatchObject({ tables: [], problems: [] })
    },
  )

  test('there is no count without --entries', async () => {
    const { stdout } = await tables('--json')
    expect(stdout).not.toContain('"entries"')
    expect((await tables('--entries', '--level', '0', '--column-family', 'backwards')).stdout).toMatch(
      /^table +column family +level +size +entries .*\n\d{6} +backwards +L0 +\S+ \S+ +2 /,
    )
  })

  test.each([
    [['--column-family', 'x'], '"default", "backwards"'],
    [['--level', 'x'], '--level'],
    [['--key', '0x1'], 'hex'],
    [['--sort', 'x'], 'tree, key, size, age, number'],
  ])('%j is wrong use, and the message says what is right', async (cliArguments, message) => {
    const { code, stdout, stderr } = await tables(...cliArguments)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(message)
  })
})

test.each([
  ['CLOUDMANIFEST', 'CLOUDMANIFEST'],
  ['MANIFEST', 'MANIFEST-bad'],
])('with an unreadable %s, objects are called neither tables nor garbage', async (_, damaged) => {
  const store = mainTestStores()[0]!.make()
  await putHostile(store, [{ number: 7, content: Buffer.from('1234') }])
  await store.put(`db/${damaged}`, Buffer.from('nonsense'))
  const run = async (command: string) => {
    const { code, stdout } = await runCommand([command, store.url('db')])
    expect(code).toBe(1)
    expect(stdout).not.toMatch(/\b0 (tables|B)\b|no garbage|none/)
    return stdout
  }
  expect(await run('tables')).toMatch(/^tables: unknown\n.* is corrupt/)
  expect(await run('verify')).toContain('(which tables it has is unknown)')
  expect(await run('gc')).toMatch(/what is garbage cannot be told: \d objects?, .* may be needed by a state/)
  expect(await run('info')).toMatch(/garbage +unknown\n/)
  const { stdout } = await runCommand(['tables', '--json', store.url('db')])
  expect(JSON.parse(stdout)).toMatchObject({ tables: null, problems: [{ code: 'corrupt' }] })
})

describe.each(mainTestStores())('tables, in $name', ({ make }) => {
  test('marks tables that are missing, of another size or invalid, and exits with 1', async () => {
    const store = make()
    await new Machine(store).open(
      async (db) => {
        for (const key of ['a', 'b', 'c']) {
          await db.put(key, '1')
          await db.flush()
        }
      },
      { options: { disable_auto_compactions: true } },
    )
    const keys = [...(await store.list()).keys()].filter((key) => key.includes('.sst-')).sort()
    const size = (await store.get(keys[2]!)).length
    await store.delete([keys[0]!])
    await store.put(keys[1]!, Buffer.from('short'))
    await store.put(keys[2]!, Buffer.alloc(size, 7))
    const { options, env } = cliAccess(store)
    const { code, stdout } = await runCommand(['tables', store.url('db'), '--entries', ...options], env)
    expect(code).toBe(1)
    const lines = stdout.split('\n')
    expect(lines.find((line) => line.includes('  a  '))).toContain('missing')
    expect(lines.find((line) => line.includes('  b  '))).toContain(`5 of ${size.toLocaleString('en')} B`)
    expect(lines.find((line) => line.includes('  c  '))).toMatch(/ \? +c /)
    for (const key of keys)
      expect(stdout).toMatch(new RegExp(`^${key.slice(3)} .*(missing|bytes|corrupt)`, 'm'))
  })

  test('--entries says which table it cannot read, and counts those of the others', async () => {
    const store = make()
    const entries = [[internalKey('a'), Buffer.from('1')]] as const
    await putHostile(store, [
      { number: 7, content: smallTable({ number: 7, entries }) },
      { number: 8, content: smallTable({ number: 8, entries, version: 7 }) },
    ])
    const { options, env } = cliAccess(store)
    const list = async (...more: string[]) =>
      await runCommand(['tables', store.url('db'), '--entries', ...options, ...more], env)
    const { code, stdout } = await list('--json')
    expect(code).toBe(1)
    const { tables, problems }: TableList = JSON.parse(stdout)
    expect(tables!.map(({ number, entries: count }) => [number, count])).toEqual([
      [8, null],
      [7, 1],
    ])
    expect(problems).toMatchObject([{ code: 'unsupported', object: store.url('db/000008.sst-bad') }])
    expect((await list()).stdout).toMatch(/^000008.sst-bad .*version 7/m)
  })
})
