import { describe, expect, test } from 'vitest'
import { formatUsd } from '#src/cli/output/text.js'
import type { DiskUsage } from '#src/inspect/disk-usage-report.js'
import { flatPrice, listPrice, monthlyCost } from '#src/inspect/storage-price.js'
import { runCommand } from '../../support/command-runner.js'
import { filesOf, fixtureDatabases, fixtureStore, ownObjects } from '../../support/fixture-views.js'
import { fixtureSuite, haveFixtures } from '../../support/fixtures.js'
import { Machine } from '../../support/machine.js'
import { cliAccess, mainTestStores } from '../../support/test-stores.js'

const sum = (numbers: Iterable<number>) => [...numbers].reduce((total, number) => total + number, 0)

describe.runIf(haveFixtures)(fixtureSuite('du, of what rocksdb-cloud wrote'), () => {
  // One view of each database: the objects are the same under every cookie.
  const databases = fixtureDatabases().filter(({ cookie }) => cookie !== 'B-2')
  test.each(databases)('$title: counts every byte once, and changes nothing', async (database) => {
    const before = filesOf(database)
    const { bucket, path } = database.paths[0]
    const url = fixtureStore(database).url(bucket)
    const { code, stdout, stderr } = await runCommand(['du', '--json', url])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const usage: DiskUsage = JSON.parse(stdout)
    const objects = ownObjects(database)
    const all = database.fixture.objects.filter((object) => object.bucket === bucket)
    expect(usage.total).toEqual({ objects: all.length, bytes: sum(all.map(({ size }) => size)) })

    const [found, ...others] = usage.databases
    expect(others).toEqual([])
    expect(found).toMatchObject({ path, total: { objects: objects.size, bytes: sum(objects.values()) } })
    const { live, garbage, byLevel, metadata, byEpoch } = found!
    expect(live.bytes + garbage.bytes).toBe(sum(objects.values()))
    expect(sum(byLevel.map(({ bytes }) => bytes)) + metadata.bytes).toBe(live.bytes)
    const withEpoch = [...objects].filter(([name]) => /-[0-9a-f]{14,16}$/.test(name))
    expect(sum(byEpoch.map(({ bytes }) => bytes))).toBe(sum(withEpoch.map(([, size]) => size)))
    expect(byEpoch.map(({ epoch }) => epoch)).toContain(database.epoch)

    if (database.cookie === '') {
      for (const { columnFamily, level, bytes } of byLevel) {
        const dumped = database.tables.filter(
          (table) =>
            table.columnFamily === columnFamily && table.level === level && objects.has(table.objectName),
        )
        expect(bytes).toBe(sum(dumped.map(({ size }) => size)))
      }
    }
    expect(filesOf(database)).toEqual(before)
  })
})

describe.each(mainTestStores())('du, in $name', ({ make }) => {
  test('shows each database below a prefix, and objects of none', async () => {
    const store = make()
    for (const path of ['a', 'b']) {
      await new Machine({ ...store, connection: store.connection, url: () => store.url(path) }).open(
        async (db) => {
          await db.put('a', 'v'.repeat(1000))
          await db.flush()
        },
      )
    }
    await store.put('a/db/000900.sst-abc', Buffer.alloc(2048))
    await store.put('a/db/notes.txt', Buffer.alloc(1024))
    await store.put('somewhere/else', Buffer.alloc(4096))
    const { options, env } = cliAccess(store)
    const { code, stdout } = await runCommand(['du', store.url(), ...options], env)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^a\/db +6 +\S+ KiB +\S+ \S+ +2\.0 KiB +1\.0 KiB +< \$0\.01$/m)
    expect(stdout).toMatch(/^b\/db +4 +\S+ KiB +\S+ \S+ +0 B +0 B +< \$0\.01$/m)
    // Including other objects of the store, such as the registry of its databases.
    expect(stdout).toMatch(/^\(in no database\) +\d+ +4\.\d KiB/m)
    expect(stdout).toContain(' objects: < $0.01 a month')
    expect(stdout).toContain('Storage alone, at S3 Standard in us-east-1')

    const priced = await runCommand(['du', store.url(), '--price', '1000000', '--json', ...options], env)
    const usage: DiskUsage = JSON.parse(priced.stdout)
    expect(usage.monthlyUsd).toBeCloseTo((usage.total.bytes / 2 ** 30) * 1e6)
  })

  test('shows levels and epochs of a single database', async () => {
    const store = make()
    await new Machine(store).open(
      async (db) => {
        await db.put('a', 'v'.repeat(1000))
        await db.flush()
        await db.compactRange()
        await db.put('b', 'v'.repeat(1000))
        await db.flush()
      },
      { options: { enable_blob_files: true, min_blob_size: 100, disable_auto_compactions: true } },
    )
    const { options, env } = cliAccess(store)
    const { stdout } = await runCommand(['du', store.url('db'), ...options], env)
    expect(stdout).toMatch(
      /^default +L0 +1 .*\n(default +L\d +1 .*\n)*default +blobs +2 .*\n\(metadata\) +3 /m,
    )
    expect(stdout).toMatch(/^epoch +objects +bytes +live +garbage\n[0-9a-f]{16} /m)
  })

  test('says what is wrong with a database, with exit code 1', async () => {
    const store = make()
    await new Machine(store).open(async (db) => {
      await db.put('a', '1')
      await db.flush()
    })
    const table = [...(await store.list()).keys()].find((key) => key.includes('.sst-'))!
    await store.delete([table])
    const { options, env } = cliAccess(store)
    const du = (...more: string[]) => runCommand(['du', store.url('db'), ...options, ...more], env)
    expect(await du()).toMatchObject({
      code: 1,
      stdout: expect.stringContaining(`missing: ${store.url(table)} is missing`),
    })
    const { code, stdout } = await du('--json')
    const { databases }: DiskUsage = JSON.parse(stdout)
    expect({ code, problems: databases[0]!.problems }).toMatchObject({
      code: 1,
      problems: [{ code: 'missing', object: store.url(table) }],
    })
  })

  test('counts objects with unknown names', async () => {
    const store = make()
    await store.put('db/plain', Buffer.alloc(100))
    const { options, env } = cliAccess(store)
    const counted = await store.put('db/a\ttab', Buffer.alloc(1000)).then(
      () => ({ objects: 2, bytes: 1100 }),
      // MinIO does not accept such a name.
      () => ({ objects: 1, bytes: 100 }),
    )
    const { stdout } = await runCommand(['du', store.url(), '--json', ...options], env)
    expect(JSON.parse(stdout)).toMatchObject({ total: counted, elsewhere: counted })
  })

  test('of an empty place says so', async () => {
    const store = make()
    // A prefix in S3; a directory has to exist.
    await store.put('none/object', Buffer.of(1))
    await store.delete(['none/object'])
    const { options, env } = cliAccess(store)
    const url = store.url('none')
    expect(await runCommand(['du', url, ...options], env)).toEqual({
      code: 0,
      stdout: `Nothing lies at or below ${url}.\n`,
      stderr: '',
    })
  })
})

test.each(['ls', 'du'])(
  '%s of a directory that is not there ends as of a bucket that is not',
  async (command) => {
    const store = mainTestStores()[0]!.make()
    await store.put('file', Buffer.of(1))
    for (const url of [store.url('none'), store.url('file')]) {
      expect(await runCommand([command, url])).toEqual({
        code: 3,
        stdout: '',
        stderr: `cloudenv: ${url}: there is no such directory\n`,
      })
    }
  },
)

test.each([['x'], ['-1'], ['1e9'], ['']])('du --price %j is wrong use', async (price) => {
  const { code, stderr } = await runCommand(['du', 'file:///tmp', `--price=${price}`])
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('--price') })
})

test('storage costs less per gigabyte the more there is', () => {
  expect(monthlyCost(0, listPrice)).toBe(0)
  expect(monthlyCost(2 ** 30, listPrice)).toBeCloseTo(0.023)
  expect(monthlyCost(50 * 2 ** 40, listPrice)).toBeCloseTo(50 * 1024 * 0.023)
  expect(monthlyCost(60 * 2 ** 40, listPrice)).toBeCloseTo(50 * 1024 * 0.023 + 10 * 1024 * 0.022)
  expect(monthlyCost(600 * 2 ** 40, listPrice)).toBeCloseTo(
    50 * 1024 * 0.023 + 450 * 1024 * 0.022 + 100 * 1024 * 0.021,
  )
  expect(monthlyCost(3 * 2 ** 30, flatPrice(2))).toBe(6)
})

test('readable dollars', () => {
  expect([0, 0.002, 0.01, 1234.5].map(formatUsd)).toEqual(['$0.00', '< $0.01', '$0.01', '$1,234.50'])
})
