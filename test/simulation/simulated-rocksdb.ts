// The steps of RocksDB in a database, without RocksDB: a table holds the keys of a memtable, as JSON.
import { join } from 'node:path'
import { readManifest } from '#src/catalog/manifest.js'
import { ChunkMap } from '#src/cloud/chunk-map.js'
import type { Database } from '#src/cloud/database.js'
import { sleep } from '#src/env/clock.js'
import type { LocalWritableFile } from '#src/env/env.js'
import { EnvError } from '#src/env/env-error.js'
import type { OpenFile } from '#src/env/files.js'
import type { System } from '#src/env/system.js'
import { manifestFileName, parseFileName, tableFileName, walFileName } from '#src/format/file-name.js'
import { encodeLog } from '#src/format/log-record.js'
import { bytes, field } from '../support/version-edits.js'

export interface RocksDBHost {
  readonly system: System
  /** True once the bridge was told that the database belongs to somebody else. */
  isFenced(): boolean
  /** The bytes of a local file, as a reader has them from the kernel. */
  peek(path: string): Buffer | undefined
  /** True if what the store refused is to be tried again. */
  isPatient(): boolean
}

/** Longest pause of a recovery or a compaction between two tables. */
const maxPauseMs = 5_000

/** A database, or a past state of one. */
type Files = Pick<Database, 'openMetadata' | 'openFile'>

export class SimulatedRocksDB {
  readonly #database: Database
  readonly #host: RocksDBHost
  /** Keys by table. */
  readonly #tables = new Map<number, ReadonlySet<string>>()
  #memtable = new Set<string>()
  #edits: Uint8Array[] = []
  #manifest: { readonly file: LocalWritableFile; readonly handle: OpenFile; bytes: number } | undefined
  #log: { readonly number: number; readonly handle: OpenFile; bytes: number } | undefined
  #nextNumber = 2

  constructor(database: Database, host: RocksDBHost) {
    this.#database = database
    this.#host = host
  }

  get keys(): ReadonlySet<string> {
    return new Set([...this.#memtable, ...[...this.#tables.values()].flatMap((keys) => [...keys])])
  }

  get tables(): number {
    return this.#tables.size
  }

  /** Opens for writing: recovers, or creates what is not there. */
  async open(): Promise<void> {
    const { files } = this.#host.system
    const { directory } = this.#database
    await files.mkdir(directory, { recursive: true })
    await this.#database.claim()
    try {
      const current = await files.readFile(join(directory, 'CURRENT')).catch(() => undefined)
      if (current) await this.#recover(Buffer.from(current).toString().trim())
      else await this.#create()
      await this.#removeObsolete()
    } catch (error) {
      await this.close()
      throw error
    }
  }

  /** Writes to the write-ahead log. */
  async put(key: string, { sync }: { readonly sync: boolean }): Promise<void> {
    this.#assertUnfenced()
    const log = this.#log!
    const record = Buffer.from(`${key}\n`)
    const at = log.bytes
    log.bytes += record.length
    await log.handle.write(record, 0, record.length, at)
    this.#memtable.add(key)
    if (sync) await log.handle.sync()
  }

  /** @returns the keys that are in tables now and were not before. */
  async flush(): Promise<ReadonlySet<string>> {
    this.#assertUnfenced()
    const flushed = this.#memtable
    const old = this.#log
    await this.#newLog()
    this.#memtable = new Set()
    const edit = await this.#writeTable(flushed)
    await this.#commit(field.logNumber(this.#log!.number), ...edit)
    const { files } = this.#host.system
    if (old) await files.rm(join(this.#database.directory, walFileName(old.number)))
    return flushed
  }

  /** Merges all tables. */
  async compact(): Promise<void> {
    this.#assertUnfenced()
    const old = [...this.#tables.keys()]
    const merged = new Set([...this.#tables.values()].flatMap((keys) => [...keys]))
    const edit = await this.#writeTables(merged)
    await this.#commit(...old.map((number) => field.deletedTable(0, number)), ...edit)
    for (const number of old) {
      this.#tables.delete(number)
      await this.#database.deleteFile(tableFileName(number))
    }
  }

  /** Begins the MANIFEST anew, as RocksDB does with one that has grown too large. */
  async beginManifest(): Promise<void> {
    this.#assertUnfenced()
    const { liveTables } = readManifest(encodeLog(this.#edits))
    await this.#newManifest(
      ...[...liveTables.values()].map(({ number, size }) => field.newTable(0, number, size)),
    )
  }

  async close(): Promise<void> {
    await this.#database.release()
  }

  /** Deletes the database, which is not open here. */
  async destroy(): Promise<void> {
    const { files } = this.#host.system
    const { directory } = this.#database
    await files.mkdir(directory, { recursive: true })
    const names = (await this.#database.children()) ?? []
    await this.#database.claim()
    try {
      for (const name of names) {
        const isLog = parseFileName(name).kind === 'wal'
        const deletion = isLog ? files.rm(join(directory, name)) : this.#database.deleteFile(name)
        // The opening may have removed it, or set it aside.
        await deletion.catch((error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOENT') throw error
        })
      }
    } finally {
      await this.#database.release()
    }
  }

  /** As a reader: the keys in the tables of the present state. */
  async read(): Promise<ReadonlySet<string>> {
    const current = await this.#readMetadata('CURRENT')
    const manifest = await this.#readMetadata(current.toString().trim())
    const keys: string[] = []
    for (const { number, size } of readManifest(manifest).liveTables.values())
      keys.push(...(await this.#readTable(number, size)))
    return new Set(keys)
  }

  /** As a reader: the keys in the tables of a state that the database had. */
  async readAt(at: Date): Promise<ReadonlySet<string>> {
    const past = await this.#database.stateAt(at)
    const current = await this.#readMetadata('CURRENT', past)
    const manifest = await this.#readMetadata(current.toString().trim(), past)
    const keys: string[] = []
    for (const { number, size } of readManifest(manifest).liveTables.values())
      keys.push(...(await this.#readTable(number, size, past)))
    return new Set(keys)
  }

  async #readMetadata(name: string, database: Files = this.#database): Promise<Buffer> {
    const file = await database.openMetadata(name)
    if (file.kind !== 'served') throw new Error(`${name} is ${file.kind}`)
    return Buffer.from(await file.read(0, 1 << 20))
  }

  async #recover(current: string): Promise<void> {
    const { files } = this.#host.system
    const { directory } = this.#database
    // RocksDB reads it through the Env, which refuses a state that is not whole.
    await this.#database.openMetadata('CURRENT')
    const manifest = readManifest(await files.readFile(join(directory, current)))
    for (const { number, size } of manifest.liveTables.values())
      this.#tables.set(number, new Set(await this.#readTable(number, size)))
    this.#nextNumber = manifest.lastNextFileNumber
    const oldest = manifest.columnFamilies.get(0)?.logNumber ?? 0
    const recovered = new Set<string>()
    for (const number of await this.#logs()) {
      this.#nextNumber = Math.max(this.#nextNumber, number + 1)
      if (number < oldest) continue
      const log = Buffer.from(await files.readFile(join(directory, walFileName(number)))).toString()
      // The last record may be torn.
      for (const key of log.split('\n').slice(0, -1)) recovered.add(key)
    }
    const edit = recovered.size > 0 ? await this.#writeTables(recovered) : []
    await this.#newLog()
    const live = [...manifest.liveTables.values()].map(({ number, size }) => field.newTable(0, number, size))
    await this.#newManifest(...live, ...edit)
  }

  async #create(): Promise<void> {
    const { files, random } = this.#host.system
    const { directory } = this.#database
    const temporary = join(directory, '000000.dbtmp')
    await files.writeFile(temporary, random.uuid())
    await this.#database.renameMetadata(temporary, 'IDENTITY')
    await this.#newManifest()
    await this.#newLog()
    await this.#newManifest()
  }

  async #removeObsolete(): Promise<void> {
    const { files } = this.#host.system
    const { directory } = this.#database
    for (const number of await this.#logs())
      if (number < this.#log!.number) await files.rm(join(directory, walFileName(number)))
    for (const name of (await this.#database.children()) ?? []) {
      const parsed = parseFileName(name)
      if (parsed.kind === 'table' && !this.#tables.has(parsed.number)) await this.#database.deleteFile(name)
    }
  }

  async #logs(): Promise<number[]> {
    const names = (await this.#database.children()) ?? []
    const logs = names.map(parseFileName).flatMap((parsed) => (parsed.kind === 'wal' ? [parsed.number] : []))
    return logs.sort((a, b) => a - b)
  }

  async #newLog(): Promise<void> {
    const number = this.#nextNumber++
    const path = join(this.#database.directory, walFileName(number))
    this.#log = { number, handle: await this.#host.system.files.open(path, 'w'), bytes: 0 }
    await this.#syncDirectory()
  }

  async #newManifest(...fields: readonly Uint8Array[]): Promise<void> {
    const { files } = this.#host.system
    const number = this.#nextNumber++
    const name = manifestFileName(number)
    const file = await this.#database.newManifest(name)
    this.#manifest = { file, handle: await files.open(file.path, 'w'), bytes: 0 }
    this.#edits = []
    await this.#commit(
      field.comparator('leveldb.BytewiseComparator'),
      field.logNumber(this.#log?.number ?? 0),
      ...fields,
    )
    const temporary = join(this.#database.directory, `${String(number).padStart(6, '0')}.dbtmp`)
    const draft = await files.open(temporary, 'w')
    await draft.writeFile(`${name}\n`)
    await draft.sync()
    await this.#database.renameMetadata(temporary, 'CURRENT')
    await this.#syncDirectory()
  }

  /** Now and then in two tables, of which the first is in the store long before a MANIFEST names it. */
  async #writeTables(keys: ReadonlySet<string>): Promise<Uint8Array[]> {
    const { clock, random } = this.#host.system
    if (random.next() >= 0.3) return this.#writeTable(keys)
    const all = [...keys]
    const first = await this.#writeTable(new Set(all.slice(0, all.length / 2)))
    await sleep(clock, random.next() * maxPauseMs)
    return [...first, ...(await this.#writeTable(new Set(all.slice(all.length / 2))))]
  }

  /** @returns the fields of the edit that adds the table. */
  async #writeTable(keys: ReadonlySet<string>): Promise<Uint8Array[]> {
    const number = this.#nextNumber++
    const content = Buffer.from(JSON.stringify([...keys]))
    const { path, sealed } = this.#database.newFile(tableFileName(number))
    const file = await this.#host.system.files.open(path, 'w')
    await file.write(content, 0, content.length, 0)
    await file.sync()
    await sealed?.(content.length)
    await this.#syncDirectory()
    this.#tables.set(number, keys)
    return [field.newTable(0, number, content.length)]
  }

  /** Repeats the sync of the MANIFEST as the engine does, as long as it may. */
  async #commit(...fields: readonly Uint8Array[]): Promise<void> {
    const { file, handle, bytes: start } = this.#manifest!
    this.#edits.push(bytes(...fields, field.nextFileNumber(this.#nextNumber), field.lastSequence(1)))
    const manifest = encodeLog(this.#edits)
    await handle.write(manifest, start, manifest.length - start, start)
    this.#manifest!.bytes = manifest.length
    await handle.sync()
    for (;;) {
      try {
        await file.synced?.(manifest.length)
        return
      } catch (error) {
        if (!EnvError.is(error) || !error.retryable || !this.#host.isPatient()) throw error
      }
    }
  }

  async #readTable(number: number, size: number, database: Files = this.#database): Promise<string[]> {
    const file = await database.openFile(tableFileName(number))
    if (file.kind !== 'sparse') throw new Error(`table ${number} lies in the directory alone`)
    try {
      for (;;) {
        const answer = await file.ensure(0, size)
        const content =
          answer instanceof Uint8Array ? answer : this.#present(answer.path, answer.chunkMapPath)
        if (content) return JSON.parse(Buffer.from(content).toString()) as string[]
      }
    } finally {
      file.close()
    }
  }

  /** A local copy, if its chunk map says that it is there; undefined if it was evicted. */
  #present(path: string, mapPath: string | undefined): Buffer | undefined {
    const { bootId } = this.#host.system
    const content = this.#host.peek(path)
    if (!content || mapPath === undefined) return content
    const map = this.#host.peek(mapPath)
    return map && ChunkMap.decode(map, content.length, bootId)?.has(0) ? content : undefined
  }

  async #syncDirectory(): Promise<void> {
    const directory = await this.#host.system.files.open(this.#database.directory, 'r')
    await directory.sync()
  }

  #assertUnfenced(): void {
    if (this.#host.isFenced()) throw new EnvError('IOFenced', 'the database belongs to somebody else')
  }
}
