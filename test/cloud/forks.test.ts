import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { EnvError } from '#src/env/env-error.js'
import {
  branchOf,
  cloneTo,
  collectIn,
  machine,
  muchLater,
  namesBelow,
  pinsOf,
  tablesOf,
} from '../support/forks.js'
import { leaveUnchecked } from '../support/left-stores.js'
import { killedAfter, newStore, withFaults } from '../support/scripted-rocksdb.js'

describe('an opening with a new cookie', () => {
  test('begins a line of its own with the state of the old one, which goes on', async () => {
    const { store } = newStore()
    const old = await (await machine(store)).database().open()
    const shared = await old.flush(Buffer.from('shared'))
    const fork = await (await machine(store, { newCookie: 'b' })).database().open()
    const forks = await fork.flush(Buffer.from('of the fork'))
    const olds = await old.flush(Buffer.from('of the old one'))
    expect(`${await fork.read(shared, 0, 6)} ${await fork.read(forks, 0, 11)}`).toBe('shared of the fork')
    expect(`${await old.read(shared, 0, 6)} ${await old.read(olds, 0, 14)}`).toBe('shared of the old one')
    await old.close()
    await fork.close()

    const again = (await machine(store, { cookie: 'b' })).database()
    expect((await again.read(forks, 0, 11)).toString()).toBe('of the fork')
    expect((await namesBelow(store, 'db')).filter((name) => name.startsWith('CLOUD')).sort()).toEqual([
      'CLOUDMANIFEST',
      'CLOUDMANIFEST-b',
    ])
  })

  test('takes the write-ahead log along', async () => {
    const { store } = newStore()
    const here = await machine(store)
    const old = await here.database().open()
    await old.log('acknowledged')
    await old.close()
    const fork = await (await machine(store, { root: here.root, newCookie: 'b' })).database().open()
    expect(await fork.logged()).toBe('acknowledged')
    await fork.close()
  })

  test('creates the database under it if there is none at all', async () => {
    const { store } = newStore()
    await (await (await machine(store, { newCookie: 'b' })).database().open()).close()
    expect(await namesBelow(store, 'db')).toContain('CLOUDMANIFEST-b')
  })

  test('refuses one that exists, and changes nothing', async () => {
    const { store } = newStore()
    await (await (await machine(store)).database().open()).close()
    await (await (await machine(store, { newCookie: 'b' })).database().open()).close()
    const before = await namesBelow(store, 'db')
    await expect((await machine(store, { newCookie: 'b' })).database().open()).rejects.toMatchObject({
      code: 'InvalidArgument',
      message: expect.stringContaining('has a CLOUDMANIFEST-b already'),
    })
    expect(await namesBelow(store, 'db')).toEqual(before)
  })

  test('leaves no pin behind, whether it succeeds or is withdrawn', async () => {
    const { store } = newStore()
    const old = await (await machine(store)).database().open()
    await old.flush()
    await old.close()
    const fork = (await machine(store, { newCookie: 'b' })).database()
    await fork.database.claim()
    expect(await namesBelow(store, 'db')).toContainEqual(expect.stringMatching(/^CLOUDPIN-/))
    await fork.close()
    expect(await namesBelow(store, 'db')).not.toContainEqual(expect.stringMatching(/^CLOUDPIN-/))
    await fork.open()
    expect(await namesBelow(store, 'db')).not.toContainEqual(expect.stringMatching(/^CLOUDPIN-/))
    await fork.close()
  })
})

describe('two lines of history at one place', () => {
  test('an owner deletes what it dropped once the other does not need it either', async () => {
    const { store } = newStore()
    const here = await machine(store)
    const old = await here.database().open()
    const [shared, own] = [await old.flush(Buffer.from('shared')), await old.flush(Buffer.from('own'))]
    const fork = await (await machine(store, { newCookie: 'b' })).database().open()
    await fork.drop(own)
    await old.drop(shared)
    await old.drop(own)
    await muchLater(here, store)
    expect(await tablesOf(store, 'db')).toEqual([shared])
    expect((await fork.read(shared, 0, 6)).toString()).toBe('shared')
    await fork.drop(shared)
    await muchLater(here, store)
    expect(await tablesOf(store, 'db')).toEqual([])
    await old.close()
    await fork.close()
  })

  test('nothing is deleted while the state of the other cannot be read', async () => {
    const { store } = newStore()
    const here = await machine(store)
    const old = await here.database().open()
    const table = await old.flush()
    await store.put('db/CLOUDMANIFEST-b', Buffer.from('damaged'))
    leaveUnchecked(store.url, 'a CLOUDMANIFEST is damaged')
    await old.drop(table)
    await muchLater(here, store)
    expect(await tablesOf(store, 'db')).toEqual([table])
    await old.close()
  })
})

describe('a branch', () => {
  test('has the state of its moment, and pins it', async () => {
    const { store } = newStore()
    const here = await machine(store)
    const db = await here.database().open()
    const table = await db.flush(Buffer.from('then'))
    await branchOf(store, 'b')
    await db.drop(table)
    const later = await db.flush(Buffer.from('later'))
    await muchLater(here, store)
    const reader = (await machine(store, { cookie: 'b' })).database()
    expect((await reader.read(table, 0, 4)).toString()).toBe('then')
    await expect(reader.database.liveFile(later)).rejects.toMatchObject({ code: 'NotFound' })
    await db.close()
  })

  test('begins anew if a table is deleted before its pin is there', async () => {
    const { store } = newStore()
    const here = await machine(store, { deletionDelayMs: 0 })
    const db = await here.database().open()
    const [gone, kept] = [await db.flush(Buffer.from('gone')), await db.flush(Buffer.from('kept'))]
    let pins = 0
    const slow = withFaults(store, {
      put: async (key, body, options) => {
        if (key.startsWith('db/CLOUDPIN-') && pins++ === 0) {
          await db.drop(gone)
          here.clock.advance(1000)
          await expect.poll(() => tablesOf(store, 'db')).toEqual([kept])
        }
        return store.put(key, body, options)
      },
    })
    await branchOf(slow, 'b')
    expect(pins).toBe(2)
    const reader = (await machine(store, { cookie: 'b' })).database()
    expect((await reader.read(kept, 0, 4)).toString()).toBe('kept')
    await db.close()
  })

  test('goes on by itself when it is opened for writing', async () => {
    const { store } = newStore()
    const db = await (await machine(store)).database().open()
    await db.flush()
    await branchOf(store, 'b')
    const other = await (await machine(store, { cookie: 'b' })).database().open()
    const table = await other.flush(Buffer.from('of the branch'))
    expect((await other.read(table, 0, 13)).toString()).toBe('of the branch')
    await db.flush()
    await other.close()
    await db.close()
  })

  test('is refused under a cookie that exists, and of a state that does not', async () => {
    const { store } = newStore()
    await expect(branchOf(store, 'b')).rejects.toMatchObject({
      code: 'NotFound',
    })
    await (await (await machine(store)).database().open()).close()
    await branchOf(store, 'b')
    await expect(branchOf(store, 'b')).rejects.toMatchObject({
      code: 'InvalidArgument',
    })
    expect(await namesBelow(store, 'db')).not.toContainEqual(expect.stringMatching(/^CLOUDPIN-/))
  })
})

test('a checkpoint is not opened for writing, and a branch can begin with it', async () => {
  const { store } = newStore()
  const db = await (await machine(store)).database().open()
  const table = await db.flush(Buffer.from('then'))
  await branchOf(store, 'checkpoint-x')
  await db.close()
  const options = { cookie: 'checkpoint-x' }
  await expect((await machine(store, options)).database().open()).rejects.toMatchObject({
    code: 'NotSupported',
    message: expect.stringContaining('is a checkpoint'),
  })
  const branch = await (await machine(store, { ...options, newCookie: 'b' })).database().open()
  expect((await branch.read(table, 0, 4)).toString()).toBe('then')
  await branch.close()
})

describe('a clone that is made without opening it', () => {
  test('is as one that was opened: it pins its source, has an id, and goes its own way', async () => {
    const { store } = newStore()
    const here = await machine(store)
    const source = await here.database().open()
    const table = await source.flush(Buffer.from('one'))
    expect((await cloneTo(store, 'clone')).unpinned).toEqual([])
    expect(await tablesOf(store, 'clone')).toEqual([])
    await source.drop(table)
    await muchLater(here, store)
    const clone = await (await machine(store)).database('clone').open()
    expect((await clone.read(table, 0, 3)).toString()).toBe('one')
    const sourceId = Buffer.from((await store.get('db/IDENTITY')).body).toString()
    const id = Buffer.from((await store.get('clone/IDENTITY')).body).toString()
    expect(id).toMatch(new RegExp(`^${sourceId}rockset[0-9a-f-]{36}$`))
    await clone.close()
    await source.close()
  })

  test('begins with a past state, as long as nothing of it can be deleted meanwhile', async () => {
    const { store } = newStore()
    const source = await (await machine(store, { deletionDelayMs: 1000 })).database().open()
    const first = await source.flush(Buffer.from('one'))
    const then = (
      await store.head(`db/${(await namesBelow(store, 'db')).find((name) => name.startsWith(first))}`)
    ).lastModified
    await setTimeout(20)
    const second = await source.flush(Buffer.from('two'))
    await cloneTo(store, 'clone', then)
    const clone = (await machine(store)).database('clone')
    expect((await clone.read(first, 0, 3)).toString()).toBe('one')
    await expect(clone.database.liveFile(second)).rejects.toMatchObject({ code: 'NotFound' })

    // The table of the past state waits for its deletion, which may come at any moment.
    await source.drop(first)
    await expect(cloneTo(store, 'late', then)).rejects.toMatchObject({
      code: 'NotFound',
      message: expect.stringContaining('its owner may be deleting tables of it'),
    })
    expect(await namesBelow(store, 'late')).toEqual([])
    await source.close()
  })

  test('pins a past state whose tables wait for their deletion, which then spares them', async () => {
    const { store } = newStore()
    const here = await machine(store)
    const source = await here.database().open()
    const first = await source.flush(Buffer.from('one'))
    await setTimeout(20)
    const then = new Date()
    await setTimeout(20)
    await source.flush(Buffer.from('two'))
    await source.drop(first)
    await cloneTo(store, 'clone', then)
    await muchLater(here, store)
    const clone = await (await machine(store)).database('clone').open()
    expect((await clone.read(first, 0, 3)).toString()).toBe('one')
    await clone.close()
    await source.close()
  })

  test('begins with a checkpoint', async () => {
    const { store } = newStore()
    const here = await machine(store)
    const source = await here.database().open()
    const table = await source.flush(Buffer.from('one'))
    await branchOf(store, 'checkpoint-monday')
    await source.drop(table)
    await cloneTo(store, 'clone', 'monday')
    await expect(cloneTo(store, 'other', 'tuesday')).rejects.toMatchObject({
      code: 'NotFound',
      message: expect.stringContaining('It has "monday"'),
    })
    await store.deleteMany(['db/CLOUDMANIFEST-checkpoint-monday'])
    await muchLater(here, store)
    const clone = (await machine(store)).database('clone')
    expect((await clone.read(table, 0, 3)).toString()).toBe('one')
    await source.close()
  })

  test('is refused where something lies', async () => {
    const { store } = newStore()
    await (await (await machine(store)).database().open()).close()
    await (await (await machine(store)).database('other').open()).close()
    await expect(cloneTo(store, 'other')).rejects.toMatchObject({ code: 'InvalidArgument' })
    await store.put('remains/000009.sst-0123456789abcdef', Buffer.from('table'))
    await expect(cloneTo(store, 'remains')).rejects.toMatchObject({ code: 'Corruption' })
  })
})

describe('a clone', () => {
  /** A source with two tables, and a clone of it on another machine. */
  async function cloned() {
    const { store } = newStore()
    const here = await machine(store)
    const source = await here.database().open()
    const tables = [await source.flush(Buffer.from('one')), await source.flush(Buffer.from('two'))]
    const there = await machine(store, { source: `${store.url}/db` })
    return { store, here, there, source, tables }
  }

  test('begins with the state of its source, and each goes its own way', async () => {
    const { store, there, source, tables } = await cloned()
    const clone = await there.database('clone').open()
    const own = await clone.flush(Buffer.from('of the clone'))
    await source.flush(Buffer.from('of the source'))
    expect((await clone.read(tables[0]!, 0, 3)).toString()).toBe('one')
    expect((await clone.read(own, 0, 12)).toString()).toBe('of the clone')
    expect(await tablesOf(store, 'clone')).toEqual([own])
    await clone.close()
    await source.close()
  })

  test('has an id of its own, in the registry too', async () => {
    const { store, there, source } = await cloned()
    const sourceId = Buffer.from((await store.get('db/IDENTITY')).body).toString()
    await (await there.database('clone').open()).close()
    const id = Buffer.from((await store.get('clone/IDENTITY')).body).toString()
    expect(id).toMatch(new RegExp(`^${sourceId}rockset[0-9a-f-]{36}$`))
    expect((await store.head(`.rockset/dbid/${id}`)).metadata).toEqual({ dirname: 'clone' })
    const reopened = there.database('clone')
    await reopened.database.claim()
    expect(await readFile(join(reopened.directory, 'IDENTITY'), 'utf8')).toBe(id)
    await reopened.close()
    expect((await store.head(`.rockset/dbid/${sourceId}`)).metadata).toEqual({ dirname: 'db' })
    await source.close()
  })

  test('remembers its source: it opens without being told', async () => {
    const { store, there, source, tables } = await cloned()
    await (await there.database('clone').open()).close()
    const reader = (await machine(store)).database('clone')
    expect((await reader.read(tables[1]!, 0, 3)).toString()).toBe('two')
    const writer = await (await machine(store)).database('clone').open()
    await writer.flush()
    await writer.close()
    const again = (await machine(store)).database('clone')
    expect((await again.read(tables[0]!, 0, 3)).toString()).toBe('one')
    await source.close()
  })

  test('keeps the tables that its source drops, and never deletes one there', async () => {
    const { store, here, there, source, tables } = await cloned()
    const clone = await there.database('clone').open()
    for (const table of tables) await source.drop(table)
    await muchLater(here, store)
    expect(await tablesOf(store, 'db')).toEqual(tables)
    expect((await clone.read(tables[0]!, 0, 3)).toString()).toBe('one')
    await clone.drop(tables[0]!)
    await muchLater(there, store)
    expect(await tablesOf(store, 'db')).toEqual(tables)
    await clone.close()
    await source.close()
  })

  test('of a clone reads where each file lies, and pins both', async () => {
    const { store, here, there, source, tables } = await cloned()
    const clone = await there.database('clone').open()
    const own = await clone.flush(Buffer.from('of the clone'))
    const third = await machine(store, { source: `${store.url}/clone` })
    const second = await third.database('second').open()
    await clone.drop(own)
    for (const table of tables) await source.drop(table)
    await muchLater(there, store)
    await muchLater(here, store)
    expect((await second.read(tables[0]!, 0, 3)).toString()).toBe('one')
    expect((await second.read(own, 0, 12)).toString()).toBe('of the clone')
    await second.close()
    const reader = (await machine(store)).database('second')
    expect((await reader.read(own, 0, 12)).toString()).toBe('of the clone')
    await clone.close()
    await source.close()
  })

  test('that is destroyed lets go of its source', async () => {
    const { store, here, there, source, tables } = await cloned()
    await (await there.database('clone').open()).close()
    await there.database('clone').destroy()
    expect(await namesBelow(store, 'clone')).toEqual([])
    for (const table of tables) await source.drop(table)
    const left = async () => {
      await muchLater(here, store)
      return tablesOf(store, 'db')
    }
    await expect.poll(left, { timeout: 10_000 }).toEqual([])
    await source.close()
  })

  /** A clone with a table of its own, which is closed, and its store while the source can't be reached. */
  async function cutOff() {
    const { store, there, source, tables } = await cloned()
    const clone = await there.database('clone').open()
    await clone.flush(Buffer.from('of the clone'))
    await clone.close()
    const refuse = (key: string) => {
      if (key.startsWith('db/')) throw new EnvError('PathNotFound', 'there is no bucket')
    }
    const cut = withFaults(store, {
      get: async (key, range) => {
        refuse(key)
        return store.get(key, range)
      },
      head: async (key) => {
        refuse(key)
        return store.head(key)
      },
      async *list(prefix, options) {
        refuse(prefix)
        yield* store.list(prefix, options)
      },
      deleteMany: async (keys) => {
        for (const key of keys) refuse(key)
        return store.deleteMany(keys)
      },
    })
    return { store, cut, source, tables }
  }

  test('whose source can not be reached is destroyed with a warning, and lets go of it later', async () => {
    const { store, cut, source } = await cutOff()
    const here = await machine(cut)
    await here.database('clone').destroy()
    expect(await namesBelow(store, 'clone')).toEqual(['CLOUDMANIFEST'])
    const [pin] = await pinsOf(store, 'db')
    expect(here.warnings).toEqual([
      expect.stringMatching(`${pin}.* could not be removed .*there is no bucket`),
    ])
    expect(here.warnings[0]).toMatch(/"cloudenv gc .*clone --delete" removes it/)

    await collectIn(store, { path: 'clone' })
    expect(await pinsOf(store, 'db')).toEqual([])
    expect(await namesBelow(store, 'clone')).toEqual([])
    await source.close()
  })

  test('whose source could not be reached lets go of it when it is destroyed again', async () => {
    const { store, cut, source } = await cutOff()
    const { root } = await machine(cut)
    await (await machine(cut, { root })).database('clone').destroy()
    await (await machine(store, { root })).database('clone').destroy()
    expect(await pinsOf(store, 'db')).toEqual([])
    expect(await namesBelow(store, 'clone')).toEqual([])
    await source.close()
  })

  test('whose source can not be reached is not opened, and keeps everything', async () => {
    const { store, cut, source, tables } = await cutOff()
    const before = await namesBelow(store, 'clone')
    const clone = (await machine(cut)).database('clone')
    await expect(clone.database.openMetadata('CURRENT')).rejects.toThrow('there is no bucket')
    await clone.database.claim()
    await expect(clone.database.openMetadata('CURRENT')).rejects.toThrow('there is no bucket')
    await expect(clone.database.newManifest('MANIFEST-000009')).rejects.toThrow('there is no bucket')
    await clone.close()
    expect(await namesBelow(store, 'clone')).toEqual(before)
    const again = await (await machine(store)).database('clone').open()
    expect((await again.read(tables[0]!, 0, 3)).toString()).toBe('one')
    await again.close()
    await source.close()
  })

  test('of a clone is not begun while one of its sources can not be reached', async () => {
    const { store, cut, source } = await cutOff()
    const second = (await machine(cut, { source: `${store.url}/clone` })).database('second')
    await expect(second.open()).rejects.toThrow('there is no bucket')
    expect(await namesBelow(store, 'second')).toEqual([])
    await source.close()
  })

  test('whose opening fails leaves nothing, here or at its source', async () => {
    const { store, there, source } = await cloned()
    const clone = there.database('clone')
    await clone.database.claim()
    await clone.close()
    expect(await namesBelow(store, 'clone')).toEqual([])
    expect(await namesBelow(store, 'db')).not.toContainEqual(expect.stringMatching(/^CLOUDPIN-/))
    await source.close()
  })

  test('of a source that refuses the pin warns, and opens', async () => {
    const { store, source, tables } = await cloned()
    const refusing = withFaults(store, {
      put: async (key, body, options) => {
        if (key.startsWith('db/')) throw new EnvError('IOError', 'access denied')
        return store.put(key, body, options)
      },
    })
    const there = await machine(refusing, { source: `${store.url}/db` })
    const clone = await there.database('clone').open()
    expect((await clone.read(tables[0]!, 0, 3)).toString()).toBe('one')
    expect(there.warnings).toEqual([expect.stringMatching(/refuses to note that \(access denied\)/)])
    await clone.close()
    await source.close()
  })

  test('is made over what a killed attempt left', async () => {
    const { store, there, source, tables } = await cloned()
    const dying = await machine(killedAfter(store, 6), { source: `${store.url}/db` })
    await expect(dying.database('clone').open()).rejects.toThrow('killed')
    const left = await namesBelow(store, 'clone')
    expect(left).toContainEqual(expect.stringMatching(/^MANIFEST-/))
    expect(left).not.toContain('CLOUDMANIFEST')
    const clone = await there.database('clone').open()
    expect((await clone.read(tables[0]!, 0, 3)).toString()).toBe('one')
    await clone.close()
    await source.close()
  })

  test('is not made over what a lost database left', async () => {
    const { store, there, source } = await cloned()
    await store.put('clone/000009.sst-0123456789abcdef', Buffer.from('table'))
    await expect(there.database('clone').open()).rejects.toMatchObject({ code: 'Corruption' })
    expect(await namesBelow(store, 'db')).not.toContainEqual(expect.stringMatching(/^CLOUDPIN-/))
    await source.close()
  })
})
