import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { cloudEnv, RocksDB } from '#src/index.js'
import { type Child, runChild } from '../support/child.js'
import { Machine, newRoot } from '../support/machine.js'
import { needsNamespaces } from '../support/network-namespace.js'
import { mainTestStores } from '../support/test-stores.js'

const utf8 = { valueEncoding: 'utf8' } as const
const { make } = mainTestStores()[0]!

describe('a store and a root that overlap are refused', () => {
  const top = newRoot()
  mkdirSync(join(top, 'data/inner'), { recursive: true })
  symlinkSync(join(top, 'data'), join(top, 'link'))
  const apart = join(top, 'apart')

  test.each([
    ['the same', 'data', 'data'],
    ['the same, not there yet', 'new', 'new'],
    ['the store inside', 'data/inner', 'data'],
    ['the root inside', 'data', 'data/inner/deep'],
    ['a slash at the end', 'data/', 'data'],
    ['a "..": the root is the store', 'data', 'other/../data'],
    ['a link to the store', 'data', 'link'],
    ['a link to what the root lies in', 'link', 'data/inner'],
    ['a link, and neither there yet', 'link/new', 'data/new/er'],
  ])('%s', (_, store, root) => {
    const overlapping = { store: `file://${join(top, store)}`, root: join(top, root) }
    const message =
      /expected "root" and "(store|source)" to be directories apart, got .*Choose another directory/
    expect(() => cloudEnv(overlapping)).toThrow(message)
    expect(() => cloudEnv(overlapping)).toThrow(RangeError)
    expect(() =>
      cloudEnv({ store: `file://${apart}`, source: overlapping.store, root: overlapping.root }),
    ).toThrow(/"root" and "source"/)
  })

  test('neighbours are accepted', () => {
    cloudEnv({ store: `file://${top}/data`, root: `${top}/data2` })
    cloudEnv({ store: `file://${top}/data/inner`, root: `${top}/data/inner2` })
  })

  test("a root inside another's cache is refused, because its files may be deleted", () => {
    expect(() => cloudEnv({ store: `file://${apart}`, root: join(top, 'x/.cloudenv/cache') })).toThrow(
      /"root" outside of "\.cloudenv"/,
    )
  })

  test.skipIf(!canMount())('a bind mount of the store is found by its inode', () => {
    const mounted = join(top, 'mounted')
    mkdirSync(mounted)
    execFileSync('mount', ['--bind', join(top, 'data'), mounted])
    try {
      expect(() => cloudEnv({ store: `file://${top}/data`, root: join(mounted, 'new') })).toThrow(
        /directories apart/,
      )
    } finally {
      execFileSync('umount', [mounted])
    }
  })
})

test('a root given by a link is the root: one database, one lock, the same keys', async () => {
  const store = make()
  const real = new Machine(store)
  const link = join(newRoot(), 'link')
  symlinkSync(real.root, link)
  const linked = new Machine(store, { root: link })

  await linked.open((db) => db.put('a', '1').then(() => db.flush()))
  expect(await real.open((db) => db.get('a', utf8))).toBe('1')
  expect(await linked.open((db) => db.get('a', utf8), { path: real.path })).toBe('1')
  expect(await real.open((db) => db.get('a', utf8), { path: linked.path })).toBe('1')
  const keys = [...(await store.list()).keys()]
  expect(keys.filter((key) => key.includes('CLOUDMANIFEST'))).toEqual(['db/CLOUDMANIFEST'])

  await real.open(async () => {
    await expect(linked.open(() => undefined)).rejects.toThrow(/lock/i)
    await expect(real.open(() => undefined, { path: linked.path })).rejects.toThrow(/lock/i)
  })
})

test('two links to a database are one database, and a link out of the root is refused', async () => {
  const store = make()
  const machine = new Machine(store)
  mkdirSync(machine.path)
  symlinkSync('db', join(machine.root, 'alias'))
  await machine.open((db) => db.put('a', '1').then(() => db.flush()), { path: join(machine.root, 'alias') })
  expect(await machine.open((db) => db.get('a', utf8))).toBe('1')
  expect([...(await store.list()).keys()].filter((key) => key.startsWith('alias'))).toEqual([])

  const outside = newRoot()
  symlinkSync(outside, join(machine.root, 'out'))
  const leading = machine.open(() => undefined, { path: join(machine.root, 'out/db') })
  await expect(leading).rejects.toThrow(/does not lie below the Env's root/)
  expect(await readdir(outside)).toEqual([])
})

describe('a link in place of the cache is never followed when deleting', () => {
  test.each(['.cloudenv', '.cloudenv/cache'])('%s', async (place) => {
    const machine = new Machine(make())
    const elsewhere = newRoot()
    mkdirSync(join(elsewhere, 'cache'))
    for (const name of ['precious.txt', 'cache/precious.txt'])
      writeFileSync(join(elsewhere, name), 'precious')
    if (place.includes('/')) mkdirSync(join(machine.root, '.cloudenv'))
    symlinkSync(elsewhere, join(machine.root, place))
    await expect(machine.open(() => undefined)).rejects.toThrow(
      /is a symbolic link.*Replace the link by a directory/,
    )
    for (const name of ['precious.txt', 'cache/precious.txt'])
      expect(await readFile(join(elsewhere, name), 'utf8')).toBe('precious')
  })

  test('inside it', async () => {
    const machine = new Machine(make())
    const elsewhere = newRoot()
    await machine.open((db) => db.put('a', '1').then(() => db.flush()))
    writeFileSync(join(elsewhere, '000001.sst'), 'precious')
    symlinkSync(elsewhere, join(machine.root, '.cloudenv/cache/other'))
    symlinkSync(join(elsewhere, '000001.sst'), join(machine.root, '.cloudenv/cache/000001.sst'))
    expect(await machine.open((db) => db.get('a', utf8))).toBe('1')
    expect(await readFile(join(elsewhere, '000001.sst'), 'utf8')).toBe('precious')
    expect(await readdir(join(machine.root, '.cloudenv/cache'))).toEqual(['db'])
  })
})

/** A process, perhaps in another container, that has the first database of a root open. */
async function hostElsewhere(machine: Machine, isolated: boolean): Promise<Child> {
  const child = runChild(
    `const { cloudEnv, RocksDB } = await load('index.js')
     const [store, root, path] = args
     const env = cloudEnv({ store, root })
     const db = await RocksDB.open(path, { env })
     await db.put('a', '1')
     await db.flush()
     console.log('open')
     setInterval(() => db, 1000)`,
    [`${machine.options.store}`, machine.root, machine.path],
    { isolated },
  )
  await child.lines.next()
  return child
}

const network = `in network namespaces of their own${needsNamespaces}`

describe.each([
  { what: 'side by side', isolated: false, isSkipped: false },
  { what: network, isolated: true, isSkipped: needsNamespaces !== '' },
])('two processes on one root, $what', ({ isolated, isSkipped }) => {
  test.skipIf(isSkipped)(
    "share no database and no cache, and one that is killed is in nobody's way",
    async () => {
      const machine = new Machine(make())
      const caches = async () => {
        const names = await readdir(join(machine.root, '.cloudenv'))
        return names.filter((name) => !name.endsWith('.lock')).sort()
      }
      const other = { path: join(machine.root, 'other') }
      const first = await hostElsewhere(machine, isolated)

      await expect(machine.open(() => undefined)).rejects.toThrow(/lock/i)
      await machine.open(async () => expect(await caches()).toEqual(['cache', 'cache-2']), other)
      expect(await caches()).toEqual(['cache'])

      first.process.kill('SIGKILL')
      await first.ended
      await machine.open(async (db) => {
        expect(await caches()).toEqual(['cache'])
        expect(await db.get('a', utf8)).toBe('1')
      })
    },
  )

  test.skipIf(isSkipped)('a cache that a killed second one leaves goes with the next opening', async () => {
    const machine = new Machine(make())
    const second = await machine.open(() => hostElsewhere(machine, isolated), {
      path: join(machine.root, 'other'),
    })
    second.process.kill('SIGKILL')
    await second.ended
    expect(await readdir(join(machine.root, '.cloudenv'))).toContain('cache-2')
    await machine.open(() => undefined)
    expect(await readdir(join(machine.root, '.cloudenv'))).not.toContain('cache-2')
  })
})

test('a plain database opened by a link is locked in this process too', async () => {
  const top = newRoot()
  mkdirSync(join(top, 'db'))
  symlinkSync('db', join(top, 'alias'))
  const db = await RocksDB.open(join(top, 'db'))
  await expect(RocksDB.open(join(top, 'alias'))).rejects.toThrow(/lock/i)
  await db.close()
})

function canMount(): boolean {
  const [from, to] = [newRoot(), newRoot()]
  try {
    execFileSync('mount', ['--bind', from, to], { stdio: 'ignore' })
    execFileSync('umount', [to])
    return true
  } catch {
    return false
  }
}
