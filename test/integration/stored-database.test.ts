import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { cloudEnv, RocksDB } from '#src/index.js'
import { Machine, newRoot } from '../support/machine.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { mainTestStores } from '../support/test-stores.js'

const utf8 = { valueEncoding: 'utf8' } as const

async function write(db: RocksDB, value: string): Promise<void> {
  await db.put('key', value)
  await db.flush()
}

describe.each(mainTestStores())('a database in the store of an Env, on $name', ({ make }) => {
  test('gets a checkpoint, a branch and a clone while it is open, and shows and removes them', async () => {
    const store = make()
    const machine = new Machine(store)
    await machine.open(async (db, env) => {
      const stored = env.database(machine.path)
      expect(stored.url).toBe(store.url('db'))
      await write(db, 'then')
      await stored.checkpoint('monday')
      await stored.branch('experiment')
      await stored.clone(store.url('clone'))
      await write(db, 'now')

      expect((await stored.branches()).map(({ cookie, checkpoint }) => checkpoint ?? cookie)).toEqual(
        expect.arrayContaining(['', 'experiment', 'monday']),
      )
      const monday = await RocksDB.open(machine.path, { env, at: 'monday' })
      expect(await monday.get('key', utf8)).toBe('then')
      await monday.close()
      const clone = await RocksDB.open(join(machine.root, 'clone'), { env })
      expect(await clone.get('key', utf8)).toBe('then')
      await clone.close()
      expect(await db.get('key', utf8)).toBe('now')

      const { states } = (await stored.history())!
      expect(states.length).toBeGreaterThanOrEqual(2)
      expect((await stored.history({ limit: 1 }))!.states).toEqual(states.slice(0, 1))

      await stored.removeCheckpoint('monday')
      await stored.removeBranch('experiment')
      expect((await stored.branches()).map(({ cookie }) => cookie)).toEqual([''])
      expect(await stored.collect()).toMatchObject({ url: stored.url, deletedObjects: 0 })
    })
  })

  test('is that of the cookie of the Env, copied and exported as such', async () => {
    const store = make()
    await new Machine(store).open((db) => write(db, 'main'))
    const branch = new Machine(store, { newCookie: 'b' })
    await branch.open(async (db, env) => {
      await write(db, 'branch')
      const stored = env.database(branch.path)
      const exported = temporaryDirectory('cloudenv-export')
      await stored.export(exported)
      const plain = await RocksDB.open(exported)
      expect(await plain.get('key', utf8)).toBe('branch')
      await plain.close()
      await stored.copy(store.url('copy'))
    })
    const copy = new Machine(store)
    expect(await copy.open((db) => db.get('key', utf8), { path: join(copy.root, 'copy') })).toBe('branch')
  })

  test('copies what it shares with its source, once', async () => {
    const store = make()
    await new Machine(store).open((db) => write(db, 'shared'))
    const url = store.url('clones')
    const clone = new Machine({ ...store, url: () => url }, { source: store.url('db') })
    await clone.open(async (db, env) => {
      await write(db, 'own')
      const stored = env.database(clone.path)
      expect((await stored.standAlone()).copiedFiles).toBe(1)
      expect((await stored.standAlone()).copiedFiles).toBe(0)
    })
  })
})

test('a clone that no opening has made yet gets nothing that would keep it from being made', async () => {
  const store = mainTestStores()[0]!.make()
  await new Machine(store).open((db) => write(db, 'shared'))
  const url = store.url('clones')
  const clone = new Machine({ ...store, url: () => url }, { source: store.url('db') })
  const env = cloudEnv(clone.options)
  const stored = env.database(clone.path)
  const message = expect.stringContaining('has no database')
  for (const refused of [
    () => stored.checkpoint('monday'),
    () => stored.branch('b'),
    () => stored.standAlone(),
  ])
    await expect(refused()).rejects.toMatchObject({ code: 'NotFound', message })
  await env.close()
  await clone.open(async (db, env) => {
    expect(await db.get('key', utf8)).toBe('shared')
    await env.database(clone.path).standAlone()
  })
})

test('is refused outside of the root, and finds odd names', () => {
  const root = newRoot()
  const env = cloudEnv({ store: 's3://bucket/a%20b/', root })
  expect(env.database(join(root, 'ü', '50%')).url).toBe('s3://bucket/a%20b/ü/50%25')
  expect(() => env.database('/elsewhere')).toThrow(/does not lie below the Env's root/)
})
