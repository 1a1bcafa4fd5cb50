// A database of the cloud Env, called the way RocksDB and the bridge call it, without either.
import { randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DatabasePlace } from '#src/catalog/database-place.js'
import { readManifest } from '#src/catalog/manifest.js'
import { ChunkMap } from '#src/cloud/chunk-map.js'
import { type CloudEnvOptions, parseCloudEnvOptions } from '#src/cloud/cloud-env-options.js'
import { Database } from '#src/cloud/database.js'
import type { DatabaseMigration } from '#src/cloud/env-events.js'
import { FileCache } from '#src/cloud/file-cache.js'
import { readBootId } from '#src/env/boot-id.js'
import type { LocalCopy, LocalWritableFile, SparseFile } from '#src/env/env.js'
import { EnvError } from '#src/env/env-error.js'
import { realSystem } from '#src/env/system.js'
import { parseFileName } from '#src/format/file-name.js'
import { encodeLog, readLog } from '#src/format/log-record.js'
import { DirectoryStore } from '#src/store/directory-store.js'
import type { ObjectStore } from '#src/store/object-store.js'
import { newRoot } from './machine.js'
import { ManualClock } from './manual-clock.js'
import { bytes, field } from './version-edits.js'

/** A store that machines share. */
export function newStore(): { readonly store: ObjectStore; readonly directory: string } {
  const directory = newRoot()
  return { store: new DirectoryStore({ directory }), directory }
}

/** One machine: its own root and cache, a store that may be shared. */
export class ScriptedMachine {
  readonly root: string
  readonly clock = new ManualClock()
  readonly fences: string[] = []
  readonly warnings: string[] = []
  readonly migrations: DatabaseMigration[] = []
  readonly cache: FileCache
  readonly #store: ObjectStore
  readonly #options: Partial<CloudEnvOptions>

  private constructor(root: string, cache: FileCache, store: ObjectStore, options: Partial<CloudEnvOptions>) {
    this.root = root
    this.cache = cache
    this.#store = store
    this.#options = options
  }

  static async start(
    store: ObjectStore,
    options: Partial<CloudEnvOptions> & { readonly maxBytes?: number } = {},
  ): Promise<ScriptedMachine> {
    const { root = newRoot(), maxBytes = 1 << 30, ...others } = options
    const cache = await FileCache.open(join(root, '.cloudenv/cache'), maxBytes)
    return new ScriptedMachine(root, cache, store, others)
  }

  /** The database `name` as a host sees it. Two of them on one machine are two hosts. */
  database(name = 'db'): ScriptedRocksDB {
    const config = parseCloudEnvOptions({
      store: this.#store.url,
      root: this.root,
      ownershipCheckMs: 0,
      ...this.#options,
    })
    const directory = join(this.root, name)
    const openPlace = async (url: string) => placeIn(this.#store, url)
    const source = config.source && placeIn(this.#store, config.source.url)
    const database = new Database(directory, [placeOf(this.#store, name), ...(source ? [source] : [])], {
      config,
      cache: this.cache,
      system: { ...realSystem, clock: this.clock },
      openPlace,
      warn: (message) => this.warnings.push(message),
      fenced: (_, message) => this.fences.push(message),
      migrated: (progress) => this.migrations.push(progress),
    })
    return new ScriptedRocksDB(database)
  }
}

function placeOf(store: ObjectStore, path: string): DatabasePlace {
  return { store, path }
}

/** Place of a database by its URL, in the same store. */
export function placeIn(store: ObjectStore, url: string): DatabasePlace {
  return placeOf(store, url.slice(`${store.url}/`.length))
}

/** RocksDB's calls on a database, step by step. Tables hold nothing that RocksDB could read. */
export class ScriptedRocksDB {
  readonly database: Database
  #edits: Uint8Array[] = []
  #manifest: LocalWritableFile | undefined
  #nextNumber = 2

  constructor(database: Database) {
    this.database = database
  }

  get directory(): string {
    return this.database.directory
  }

  /** Opens for writing, and creates the database if missing. */
  async open(): Promise<this> {
    await mkdir(this.directory, { recursive: true })
    await this.database.claim()
    try {
      const current = await this.#current()
      if (current === undefined) await this.#create()
      else await this.#inherit(await readFile(join(this.directory, current)))
      await this.#newLog()
      await this.#newManifest()
      await this.#deleteObsoleteTables()
    } catch (error) {
      await this.close()
      throw error
    }
    return this
  }

  /** Writes to the write-ahead log, the only place of unflushed writes. */
  async log(text: string): Promise<void> {
    await writeFile(join(this.directory, '000003.log'), text)
  }

  /** Contents that RocksDB would replay. */
  async logged(): Promise<string | undefined> {
    if (!(await this.database.children())?.includes('000003.log')) return undefined
    return readFile(join(this.directory, '000003.log'), 'utf8')
  }

  /** Writes a table and commits it. */
  async flush(content: Uint8Array = Buffer.alloc(1000, 7)): Promise<string> {
    const { name, number } = await this.write(content)
    await this.fsyncDirectory()
    await this.commit(field.newTable(0, number, content.length))
    return name
  }

  /** Writes and closes a table. */
  async write(content: Uint8Array): Promise<{ readonly name: string; readonly number: number }> {
    const number = this.#nextNumber++
    const name = `${String(number).padStart(6, '0')}.sst`
    const file = await this.database.newFile(name)
    await writeFile(file.path, content)
    // CLOSE has no answer, so nobody notices an error.
    await file.sealed?.(content.length).catch(() => undefined)
    return { name, number }
  }

  async fsyncDirectory(): Promise<void> {
    await this.database.owner?.settled()
  }

  /** Drops the table from the database, and deletes it. */
  async drop(name: string, level = 0): Promise<void> {
    await this.commit(field.deletedTable(level, Number.parseInt(name, 10)))
    await this.database.deleteFile(name)
  }

  /** Writes and syncs one edit of the MANIFEST. */
  async commit(...fields: readonly Uint8Array[]): Promise<void> {
    const edit = bytes(...fields, field.nextFileNumber(this.#nextNumber), field.lastSequence(1))
    this.#edits.push(edit)
    await this.#syncManifest()
  }

  /** Begins the MANIFEST anew, in another file, as RocksDB does with one that has grown too large. */
  async beginManifest(): Promise<void> {
    const { liveTables } = readManifest(encodeLog(this.#edits))
    const tables = [...liveTables.values()].map(({ level, number, size }) =>
      field.newTable(level, number, size),
    )
    this.#edits = [bytes(field.comparator('leveldb.BytewiseComparator'), field.logNumber(0), ...tables)]
    await this.#newManifest()
  }

  async read(name: string, offset: number, length: number): Promise<Buffer> {
    const file = await this.database.openFile(name)
    if (file.kind === 'local') return (await readFile(file.path)).subarray(offset, offset + length)
    if (file.kind === 'served') throw new Error(`${name} is no local file`)
    try {
      return await readSparse(file, offset, length)
    } finally {
      file.close()
    }
  }

  async close(): Promise<void> {
    await this.database.release()
  }

  /** Destroys the database like DestroyDB. */
  async destroy(): Promise<void> {
    const names = (await this.database.children()) ?? []
    await this.database.claim()
    try {
      for (const name of names) {
        if (parseFileName(name).kind === 'wal') await rm(join(this.directory, name))
        else await this.database.deleteFile(name)
      }
    } finally {
      await this.database.release()
    }
  }

  async #current(): Promise<string | undefined> {
    try {
      return (await readFile(join(this.directory, 'CURRENT'), 'utf8')).trim()
    } catch {
      return undefined
    }
  }

  async #inherit(manifest: Uint8Array): Promise<void> {
    this.#edits = [...readLog(manifest, { name: 'MANIFEST', tail: 'strict' })].map(({ payload }) =>
      Buffer.from(payload),
    )
    const { lastNextFileNumber, dbId } = readManifest(manifest)
    this.#nextNumber = lastNextFileNumber
    if (dbId !== undefined) await this.#writeIdentity(dbId)
  }

  /** As RocksDB 9 does: its MANIFEST has the id too, and is believed. */
  async #writeIdentity(id: string): Promise<void> {
    const temporary = join(this.directory, '000000.dbtmp')
    await writeFile(temporary, id)
    await this.database.renameMetadata(temporary, 'IDENTITY')
  }

  async #deleteObsoleteTables(): Promise<void> {
    const { liveTables } = readManifest(encodeLog(this.#edits))
    for (const name of (await this.database.children()) ?? []) {
      const { kind, ...file } = parseFileName(name)
      if (kind === 'table' && 'number' in file && !liveTables.has(file.number))
        await this.database.deleteFile(name)
    }
  }

  async #create(): Promise<void> {
    const id = randomUUID()
    await this.#writeIdentity(id)
    this.#edits = []
    await this.#newManifest(
      field.comparator('leveldb.BytewiseComparator'),
      field.logNumber(0),
      field.dbId(id),
    )
  }

  /** An empty log with the highest number: {@link log} writes to an earlier one. */
  async #newLog(): Promise<void> {
    const numbers = (await readdir(this.directory)).map((name) =>
      Number(/^(\d+)\.log$/.exec(name)?.[1] ?? 100),
    )
    await writeFile(join(this.directory, `${String(Math.max(...numbers) + 1).padStart(6, '0')}.log`), '')
  }

  async #newManifest(...fields: readonly Uint8Array[]): Promise<void> {
    const number = this.#nextNumber++
    const name = `MANIFEST-${String(number).padStart(6, '0')}`
    this.#manifest = await this.database.newManifest(name)
    await this.commit(...fields)
    const temporary = join(this.directory, '000001.dbtmp')
    await writeFile(temporary, `${name}\n`)
    await this.database.renameMetadata(temporary, 'CURRENT')
  }

  async #syncManifest(): Promise<void> {
    const { path, synced } = this.#manifest!
    const manifest = encodeLog(this.#edits)
    await writeFile(path, manifest)
    await synced?.(manifest.length)
  }
}

/** Reads like the bridge: from the copy once its chunk map has the range, or the bytes that it gets instead. */
export async function readSparse(file: SparseFile, offset: number, length: number): Promise<Buffer> {
  for (let attempt = 0; attempt < 8; attempt++) {
    const answer = await file.ensure(offset, length)
    if (answer instanceof Uint8Array) return Buffer.from(answer)
    const found = await readCopy(answer, offset, length)
    if (found) return found
  }
  throw new EnvError('IOError', 'what was fetched was evicted again before it could be read, 8 times')
}

async function readCopy(copy: LocalCopy, offset: number, length: number): Promise<Buffer | undefined> {
  const data = await open(copy.path).catch(() => undefined)
  if (!data) return undefined
  try {
    const { size } = await data.stat()
    const { chunkMapPath } = copy
    const read = async () => (await data.read(Buffer.alloc(length), 0, length, offset)).buffer
    if (chunkMapPath === undefined) return await read()
    const readMap = async () => {
      const bytes = await readFile(chunkMapPath).catch(() => undefined)
      return bytes && ChunkMap.decode(bytes, size, readBootId())
    }
    const map = await readMap()
    if (!map) return undefined
    const end = Math.ceil((offset + length) / map.chunkBytes)
    for (let chunk = Math.floor(offset / map.chunkBytes); chunk < end; chunk++) {
      if (!map.has(chunk)) return undefined
    }
    const found = await read()
    // Something was taken out meanwhile, perhaps this.
    return (await readMap())?.removals === map.removals ? found : undefined
  } finally {
    await data.close()
  }
}

/** The store, with `overrides` in place of some of its methods. */
export function withFaults(store: ObjectStore, overrides: Partial<ObjectStore>): ObjectStore {
  return new Proxy(store, {
    get(target, name) {
      const value = overrides[name as keyof ObjectStore] ?? target[name as keyof ObjectStore]
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value
    },
  })
}

/** The store for a process that is killed after `writes`: nothing later arrives. */
export function killedAfter(store: ObjectStore, writes: number): ObjectStore {
  let written = 0
  const write = <T>(perform: () => Promise<T>): Promise<T> => {
    written += 1
    return written <= writes ? perform() : Promise.reject(new EnvError('IOError', 'killed'))
  }
  return withFaults(store, {
    put: (key, body, options) => write(() => store.put(key, body, options)),
    deleteMany: (keys) => write(() => store.deleteMany(keys)),
  })
}
