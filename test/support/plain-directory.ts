// A database that RocksDB left in a directory, for tests that migrate it.
import { createHash } from 'node:crypto'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import { readView } from '#src/catalog/database-view.js'
import { encodeLog } from '#src/format/log-record.js'
import type { ObjectStore } from '#src/store/object-store.js'
import { newRoot } from './machine.js'
import { ScriptedMachine, type ScriptedRocksDB } from './scripted-rocksdb.js'
import { bytes, field } from './version-edits.js'

export const identity = '7f5b7a2e-56c7-4b63-a5e6-6d2d2a8a5b11'
export const contents = new Map(
  [11, 12, 13, 14].map((number) => [`0000${number}.sst`, Buffer.alloc(1000 + number, number)]),
)

/** A directory as RocksDB leaves it, with tables and a log. @returns the root above it. */
export async function plainRoot(): Promise<string> {
  const root = newRoot()
  const directory = join(root, 'db')
  await mkdir(directory)
  for (const [name, content] of contents) await writeFile(join(directory, name), content)
  const tables = [...contents].map(([name, { length }]) =>
    field.newTable(name === '000014.sst' ? 0 : 6, Number.parseInt(name, 10), length),
  )
  const edits = [
    bytes(field.comparator('leveldb.BytewiseComparator'), field.logNumber(0)),
    bytes(...tables, field.nextFileNumber(20), field.lastSequence(9)),
  ]
  await writeFile(join(directory, 'MANIFEST-000010'), encodeLog(edits))
  await writeFile(join(directory, 'CURRENT'), 'MANIFEST-000010\n')
  await writeFile(join(directory, 'IDENTITY'), identity)
  await writeFile(join(directory, '000003.log'), 'logged')
  return root
}

/**
 * Does what a program of RocksDB does that opens the directory without the Env: it commits a table, and gives it the
 * number of one that was never committed.
 * @returns content of the table, 000021.sst.
 */
export async function addTableWithoutEnv(root: string, manifestName: string): Promise<Uint8Array> {
  const content = Buffer.alloc(300, 2)
  const tables = [...contents].map(([name, { length }]) =>
    field.newTable(6, Number.parseInt(name, 10), length),
  )
  const edits = [
    bytes(field.comparator('leveldb.BytewiseComparator'), field.logNumber(0)),
    bytes(...tables, field.newTable(0, 21, content.length), field.nextFileNumber(30), field.lastSequence(9)),
  ]
  await writeFile(join(root, 'db/000021.sst'), content)
  await writeFile(join(root, 'db', manifestName), encodeLog(edits))
  await writeFile(join(root, 'db/CURRENT'), `${manifestName}\n`)
  return content
}

export const begin = (store: ObjectStore, root: string, options: { bytesPerSecond?: number } = {}) =>
  ScriptedMachine.start(store, { root, migrate: options })

export const waitFor = (condition: () => unknown) => vi.waitFor(condition, { timeout: 20_000 })

export const completed = (machine: ScriptedMachine) =>
  waitFor(() => expect(machine.migrations.at(-1)).toMatchObject({ isComplete: true }))

export const objectsIn = async (directory: string) =>
  (await readdir(join(directory, 'db')).catch(() => [])).sort()
export const tablesIn = async (root: string) =>
  (await readdir(join(root, 'db'))).filter((name) => name.endsWith('.sst')).sort()

/** Files of the present state in the store, with their content, by the name that RocksDB knows. */
export async function storedState(store: ObjectStore): Promise<Map<string, string>> {
  const view = await readView([{ store, path: 'db' }], '')
  const found = new Map<string, string>()
  for (const [name, { objectName }] of view!.files)
    found.set(name, digest((await store.get(`db/${objectName}`)).body))
  return found
}

export const digest = (content: Uint8Array) => createHash('md5').update(content).digest('hex')

export async function contentOf(db: ScriptedRocksDB, names: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const name of names)
    found.set(name, digest(await db.read(name, 0, (await db.database.liveFile(name)).size)))
  return found
}

/** Writes a table and commits it, whatever becomes of other uploads. */
export async function flush(db: ScriptedRocksDB, content: Uint8Array): Promise<string> {
  const { name, number } = await db.write(content)
  await db.commit(field.newTable(0, number, content.length))
  return name
}

export const digests = (...more: readonly (readonly [string, Uint8Array])[]) =>
  new Map([...contents, ...more].map(([name, content]) => [name, digest(content)]))
