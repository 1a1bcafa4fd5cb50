import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newStore, ScriptedMachine } from '../support/scripted-rocksdb.js'

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

test('a reader is shown the files of the present state alone', async () => {
  const { reader, obsolete, live } = await withObsoleteTable()
  await reader.database.openMetadata('CURRENT')
  expect((await reader.database.children())?.filter(isTable)).toEqual([live])
  await expect(reader.database.liveFile(obsolete)).rejects.toMatchObject({ code: 'NotFound' })
})

test('a writer is shown the files of the state that it inherits alone', async () => {
  const { writer, live } = await withObsoleteTable()
  const database = writer.database()
  await database.database.claim()
  expect((await database.database.children())?.filter(isTable)).toEqual([live])
  await database.close()
})

test('a reader of an older state reads on what that had, though another in its process has a newer one', async () => {
  const { older, obsolete } = await withObsoleteTable()
  // As RocksDB begins to open the database a second time.
  await older.database.openMetadata('CURRENT')
  expect((await older.read(obsolete, 0, 8)).toString()).toBe('obsolete')
  expect((await older.database.file(obsolete)).size).toBe(8)
})
