import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { newStore, ScriptedMachine } from '../support/scripted-rocksdb.js'
import { field } from '../support/version-edits.js'

/** Two tables, one of which is obsolete and still in the store. */
async function withObsoleteTable() {
  const { store, directory } = newStore()
  const writer = await ScriptedMachine.start(store)
  const db = await writer.database().open()
  const obsolete = await db.flush(Buffer.from('obsolete'))
  const reader = (await ScriptedMachine.start(store)).database()
  await reader.database.openMetadata('CURRENT')
  const older = (await ScriptedMachine.start(store)).database()
  await older.database.openMetadata('CURRENT')
  const live = await db.flush(Buffer.from('live'))
  await db.drop(obsolete)
  await db.close()
  const stored = (await readdir(join(directory, 'db'))).filter((name) => name.startsWith(obsolete))
  expect(stored, 'it waits for its deletion').toHaveLength(1)
  return { writer, reader, older, obsolete, live }
}

const isTable = (name: string) => name.endsWith('.sst')

test('a reader sees only the files of the present state', async () => {
  const { reader, obsolete, live } = await withObsoleteTable()
  await reader.database.openMetadata('CURRENT')
  expect((await reader.database.children())?.filter(isTable)).toEqual([live])
  await expect(reader.database.liveFile(obsolete)).rejects.toMatchObject({ code: 'NotFound' })
})

test('a writer sees only the files of the state that it inherits', async () => {
  const { writer, live } = await withObsoleteTable()
  const database = writer.database()
  await database.database.claim()
  expect((await database.database.children())?.filter(isTable)).toEqual([live])
  await database.close()
})

test('a reader of an older state keeps its files, even if another in its process has a newer state', async () => {
  const { older, obsolete } = await withObsoleteTable()
  // RocksDB begins to open the database a second time.
  await older.database.openMetadata('CURRENT')
  expect((await older.read(obsolete, 0, 8)).toString()).toBe('obsolete')
  expect((await older.database.file(obsolete)).size).toBe(8)
})

test('reading CURRENT finds the newest state, and later reads use that state', async () => {
  const { store } = newStore()
  const db = await (await ScriptedMachine.start(store)).database().open()
  const first = await db.flush()
  const { database } = (await ScriptedMachine.start(store)).database()
  await database.openMetadata('CURRENT')
  const second = await db.flush()
  expect((await database.children())?.filter(isTable)).toEqual([first])
  await database.metadataSize('CURRENT')
  expect((await database.children())?.filter(isTable)).toEqual([first, second])
  await db.close()
})

test("a directory without a database has no CURRENT, and shows RocksDB's own files", async () => {
  const { database, directory } = (await ScriptedMachine.start(newStore().store)).database()
  await expect(database.metadataSize('CURRENT')).rejects.toMatchObject({ code: 'NotFound' })
  expect(await database.children()).toBeUndefined()
  await mkdir(directory, { recursive: true })
  for (const name of ['LOG', '000009.sst-0123456789abcdef']) await writeFile(join(directory, name), '')
  expect(await database.children()).toEqual(['LOG'])
})

test('a database that is not open for writing is not written to', async () => {
  const refusal = { code: 'NotSupported', message: expect.stringMatching(/no database is open for writing/) }
  const { database, directory } = (await ScriptedMachine.start(newStore().store)).database()
  await mkdir(directory, { recursive: true })
  const elsewhere = join(directory, '../elsewhere.sst')
  await writeFile(elsewhere, 'table')
  expect(() => database.newFile('000009.sst')).toThrow(expect.objectContaining(refusal))
  await expect(database.newManifest('MANIFEST-000009')).rejects.toMatchObject(refusal)
  await expect(database.deleteFile('000009.sst')).rejects.toMatchObject(refusal)
  await expect(database.linkIn(elsewhere, '000009.sst')).rejects.toMatchObject(refusal)
  await expect(database.renameMetadata(elsewhere, 'CURRENT')).rejects.toMatchObject(refusal)
  expect(await readdir(directory)).toEqual([])
})

describe('while it is open for writing', () => {
  test('metadata are the local files, and afterwards those of the state', async () => {
    const { store } = newStore()
    const db = await (await ScriptedMachine.start(store)).database().open()
    const { database, directory } = db
    expect(await database.openMetadata('CURRENT')).toEqual({
      kind: 'local',
      path: join(directory, 'CURRENT'),
    })
    await db.close()
    expect(await database.openMetadata('CURRENT')).toMatchObject({ kind: 'served' })
  })

  test('a table from elsewhere is treated like one written here', async () => {
    const { store, directory: stored } = newStore()
    const db = await (await ScriptedMachine.start(store)).database().open()
    const source = join(db.directory, '../ingested.sst')
    await writeFile(source, Buffer.alloc(1000, 3))
    await db.database.linkIn(source, '000002.sst')
    await db.commit(field.newTable(0, 2, 1000))
    expect((await readdir(join(stored, 'db'))).some((name) => name.startsWith('000002.sst-'))).toBe(true)
    expect(await db.read('000002.sst', 0, 3)).toEqual(Buffer.alloc(3, 3))
    await db.close()
  })

  test('a table moved to trash is gone, and leaves a file for RocksDB to delete', async () => {
    const db = await (await ScriptedMachine.start(newStore().store)).database().open()
    const table = await db.flush()
    const trash = join(db.directory, `${table}.trash`)
    await db.database.moveToTrash(table, trash)
    expect((await db.database.children())?.filter(isTable)).toEqual([])
    expect(await readFile(trash, 'utf8')).toBe('')
    await db.close()
  })

  test('CURRENT is listed first, because RocksDB destroys files in that order', async () => {
    const db = await (await ScriptedMachine.start(newStore().store)).database().open()
    await db.flush()
    const names = (await db.database.children())!
    expect(names[0]).toBe('CURRENT')
    expect(names.filter((name) => name === 'CURRENT')).toHaveLength(1)
    await db.close()
  })
})
