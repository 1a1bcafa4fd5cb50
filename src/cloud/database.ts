import { join, relative } from 'node:path'
import { noDatabase } from '../catalog/cookies.js'
import { databaseUrl, type Places } from '../catalog/database-place.js'
import type { DatabaseView } from '../catalog/database-view.js'
import { findState } from '../catalog/find-state.js'
import { maxManifestBytes } from '../catalog/get-first.js'
import { damagedInStoreMessage, noRepairMessage, onlyCopyMessage } from '../catalog/repair-advice.js'
import type { OpenPlace } from '../catalog/sources.js'
import { fetchStored, type StoredFile } from '../catalog/stored-file.js'
import { syncFile } from '../env/durable-file.js'
import type { LocalWritableFile, ReadableFile, Refetched, ServedWritableFile } from '../env/env.js'
import { EnvError } from '../env/env-error.js'
import type { Files } from '../env/files.js'
import type { StateSelector } from '../env/state-selector.js'
import type { System } from '../env/system.js'
import type { WarmUpOptions, WarmUpResult } from '../env/warm-up.js'
import { parseFileName } from '../format/file-name.js'
import type { CachedFile } from './cached-file.js'
import type { CloudEnvConfig, CloudEnvOptions } from './cloud-env-options.js'
import { CurrentView } from './current-view.js'
import type { DatabaseMigration } from './env-events.js'
import type { FileCache } from './file-cache.js'
import { assertNoForeignTables } from './foreign-writes.js'
import { continues, inheritedManifest, isRocksName } from './local-database.js'
import { readDirectory } from './local-directory.js'
import { Opening } from './opening.js'
import type { Owner } from './owner.js'
import { readOwnerRecord } from './owner-record.js'
import { PastDatabase } from './past-database.js'
import type { PinnedLevels } from './pinned-levels.js'
import { holdsPlainDatabase, isTableName } from './plain-database.js'
import { committedState, levelTables, type PresentState, stateOfOwner, stateOfView } from './present-state.js'
import { ServedBytes } from './served-bytes.js'
import { warmUp } from './warm-up.js'
import { planWarmUp } from './warm-up-plan.js'

export interface DatabaseDependencies {
  readonly config: CloudEnvConfig
  readonly cache: FileCache
  /** Undefined: none. */
  readonly pinnedLevels?: PinnedLevels | undefined
  readonly system: System
  /** Opens the place of a source that a clone's CLOUDMANIFEST records. */
  readonly openPlace: OpenPlace
  /** Tells the user of something that goes on all the same. */
  warn(message: string): void
  /** Called when the database turns out to belong to somebody else. */
  fenced(directory: string, message: string): void
  /** Called after each step of a migration. */
  migrated(progress: DatabaseMigration): void
}

/**
 * One database directory: what RocksDB sees in it, made of the local files and the objects in the store.
 *
 * While it is not open for writing here, everything but the write-ahead log is answered from a view, read from
 * the store and never changing it. Taking the LOCK makes an {@link Owner}, and RocksDB's own local MANIFEST and CURRENT
 * are real files from then on; letting go of the LOCK goes back to views.
 */
export class Database {
  readonly directory: string
  readonly #places: Places
  readonly #deps: DatabaseDependencies
  #opening: Opening | undefined
  #overtakenAtMs: number | undefined
  readonly #view: CurrentView

  constructor(directory: string, places: Places, deps: DatabaseDependencies) {
    this.directory = directory
    this.#places = places
    this.#view = new CurrentView(places, deps.config.cookie, deps.openPlace)
    this.#deps = deps
  }

  get #files(): Files {
    return this.#deps.system.files
  }

  get owner(): Owner | undefined {
    return this.#opening?.owner
  }

  /** CURRENT, MANIFEST or IDENTITY, as this database has them now. */
  async openMetadata(name: string): Promise<ReadableFile> {
    this.#opening?.assertWhole()
    const local = { kind: 'local', path: join(this.directory, name) } as const
    if (this.owner) return local
    // Reading CURRENT is how RocksDB begins to open a database: from here on it goes by one state of it.
    const view = await this.#view.read({ fresh: name === 'CURRENT' })
    if (!view && (await this.#isPlain())) return local
    if (view && name === 'CURRENT') this.#pin(() => stateOfView(view))
    return new ServedBytes(await this.#metadata(view, name))
  }

  async metadataSize(name: string): Promise<number> {
    this.#opening?.assertWhole()
    const localSize = async () => (await this.#files.stat(join(this.directory, name))).size
    if (this.owner) return localSize()
    // RocksDB opens a database if there is a CURRENT, and creates one otherwise.
    const view = await this.#view.read({ fresh: name === 'CURRENT' })
    if (!view && (await this.#isPlain())) return localSize()
    return (await this.#metadata(view, name)).length
  }

  async openFile(name: string): Promise<ReadableFile> {
    if (this.owner) return this.owner.openFile(name)
    if (await this.#isPlain()) return { kind: 'local', path: join(this.directory, name) }
    return this.#cachedFile(await this.file(name)).open()
  }

  /** A table or blob file that the present state has. */
  async liveFile(name: string): Promise<StoredFile> {
    if (this.owner) return this.owner.file(name)
    if (await this.#isPlain()) return this.#plainFile(name)
    return this.#requireFile(name, (await this.#view.read())?.files)
  }

  /** A table or blob file that can be opened: also an obsolete one, which a reader of an older state needs. */
  async file(name: string): Promise<StoredFile> {
    if (this.owner) return this.owner.file(name)
    if (await this.#isPlain()) return this.#plainFile(name)
    return this.#requireFile(name, (await this.#view.read())?.reachableFiles)
  }

  /** True while the directory has a whole database that the store has not: see {@link CloudEnvOptions.migrate}. */
  async #isPlain(): Promise<boolean> {
    if (!this.#deps.config.migrate || (await this.#view.read())) return false
    const record = await readOwnerRecord(this.#files, this.directory)
    return holdsPlainDatabase(this.#files, this.directory, record)
  }

  async #plainFile(name: string): Promise<StoredFile> {
    const { size, mtime: modified } = await this.#files.stat(join(this.directory, name))
    return { place: this.#places[0], objectName: name, size, modified }
  }

  /** A state that the database had, and a view of it as files. See `findState`. */
  async stateAt(at: StateSelector): Promise<PastDatabase> {
    const { config, openPlace } = this.#deps
    const state = await findState(this.#places, config.cookie, at, openPlace)
    return new PastDatabase(state, this.#places, (file) => this.#cachedFile(file))
  }

  #requireFile(name: string, files: ReadonlyMap<string, StoredFile> | undefined): StoredFile {
    const file = files?.get(name)
    if (file) return file
    throw new EnvError('NotFound', `${databaseUrl(this.#places[0])} has no ${name}`)
  }

  /** See {@link Env.refetch}. */
  async refetch(name: string, offset: number, length: number, ageMs: number): Promise<Refetched> {
    const file = await this.file(name)
    const cached = this.#cachedFile(file)
    if (cached.isPinned || (!this.owner && (await this.#isPlain()))) {
      const path = cached.location()?.path ?? join(this.directory, name)
      return { isOther: false, advice: onlyCopyMessage(path) }
    }
    const isOther = await cached.refetch(offset, length, ageMs)
    const url = databaseUrl(file.place)
    return { isOther, advice: damagedInStoreMessage(`${url}/${file.objectName}`, url) }
  }

  /** Some table is damaged, and nobody knows which: fetches all of them again, except those that exist only here. */
  async forgetCached(): Promise<void> {
    const files = this.owner
      ? [...this.owner.fileNames()].map((name) => this.owner!.file(name))
      : ((await this.#view.read())?.files.values() ?? [])
    for (const file of files) await this.#cachedFile(file).refetch(0, 0, 0)
  }

  /** Fetches files of the present state. */
  async warmUp(options: WarmUpOptions): Promise<WarmUpResult> {
    const { cache, system } = this.#deps
    const { manifest, files } = await this.#present()
    const planned = planWarmUp(manifest, options).flatMap((name) => files.get(name) ?? [])
    const cached = planned.map((file) => this.#cachedFile(file))
    // From here on the cache tells what is read beside it.
    await cache.forgetReads()
    try {
      return await warmUp(cached, system.clock, options)
    } finally {
      for (const file of cached) if (file.isIdle) cache.onIdle(file)
    }
  }

  /** The present state, here while the database is open for writing. Changes nothing for readers of another state. */
  async #present(): Promise<PresentState> {
    if (this.owner) return stateOfOwner(this.owner, this.#files, this.directory)
    const view = await this.#view.present()
    if (view) return stateOfView(view)
    throw await noDatabase(this.#places[0], this.#deps.config.cookie, 'table to fetch')
  }

  /** The database has another state: tables of its pinned levels are to stay. */
  #pin(state: () => Promise<PresentState>): void {
    this.#deps.pinnedLevels?.changed(this.directory, async () =>
      levelTables(await state(), (file) => this.#cachedFile(file)),
    )
  }

  newFile(name: string): LocalWritableFile {
    return this.requireOwner(`write ${name}`).newFile(name)
  }

  async newManifest(name: string): Promise<LocalWritableFile> {
    this.#opening?.assertWhole()
    const owner = this.requireOwner(`write ${name}`)
    if (name === inheritedManifest && !owner.isGone)
      throw new EnvError('NotSupported', noRepairMessage(databaseUrl(this.#places[0])))
    const parsed = parseFileName(name)
    if (parsed.kind === 'manifest') await this.#opening?.local.recordManifest(parsed.number)
    const path = join(this.directory, name)
    return { kind: 'local', path, synced: (size) => this.#commitManifest(owner, path, size) }
  }

  async #commitManifest(owner: Owner, path: string, size: number): Promise<void> {
    if (size <= maxManifestBytes) {
      await owner.commitManifest(path, size)
      return this.#pin(() => committedState(owner, this.#files, path, size))
    }
    throw new EnvError(
      'NotSupported',
      `can't commit ${path} to ${databaseUrl(this.#places[0])}: it has ${size} bytes, and a MANIFEST may have ` +
        `${maxManifestBytes} there. Open the database again, which begins a new one, with a smaller "max_manifest_file_size"`,
    )
  }

  /** Takes in a complete local file from elsewhere as a table (ingestion). */
  async linkIn(source: string, name: string): Promise<void> {
    const owner = this.requireOwner(`link ${name}`)
    const path = owner.localPath(name)
    await this.#files.link(source, path)
    await syncFile(this.#files, path)
    owner.seal(name, (await this.#files.stat(source)).size, path, true)
  }

  /**
   * RocksDB reopens a table that it ingests, only to sync it. {@link linkIn} has synced it, and it may have left the
   * disk since.
   */
  reopenFile(name: string): ServedWritableFile {
    this.requireOwner(`write ${name}`).file(name)
    const refuse = () => {
      throw new EnvError('NotSupported', `${join(this.directory, name)} is complete. Write another table`)
    }
    const nothing = async () => {}
    return { kind: 'served', append: refuse, truncate: refuse, sync: nothing, close: nothing }
  }

  /** RocksDB sets a table aside as `name.trash` and deletes that later. */
  async moveToTrash(name: string, trash: string): Promise<void> {
    await this.requireOwner(`delete ${name}`).deleteFile(name)
    await this.#files.writeFile(trash, '')
  }

  async renameMetadata(source: string, name: string): Promise<void> {
    const owner = this.requireOwner(`write ${name}`)
    const target = join(this.directory, name)
    await this.#files.rename(source, target)
    if (name === 'CURRENT') {
      await this.#opening?.local.recordCurrent()
      await owner.currentWritten()
    }
    if (name === 'IDENTITY') await owner.identityWritten(await this.#files.readFile(target))
  }

  async deleteFile(name: string): Promise<void> {
    const owner = this.requireOwner(`delete ${name}`)
    const { kind } = parseFileName(name)
    if (kind === 'table' || kind === 'blob') return owner.deleteFile(name)
    // Only the destruction of a database deletes CURRENT.
    if (kind === 'current') await owner.destroy()
    // A database whose creator was killed early has no IDENTITY, here or in the store.
    await this.#files.rm(join(this.directory, name), { force: kind === 'identity' })
  }

  /** Base names, or undefined when there is no such directory, here or in the store. */
  async children(): Promise<string[] | undefined> {
    const local = await readDirectory(this.#files, this.directory)
    const { owner } = this
    if (owner) {
      const isListed = (name: string) => isRocksName(name) && (owner.isWholeHere || !isTableName(name))
      const names = (local ?? []).filter(isListed)
      // RocksDB destroys a database in this order. The deletion of CURRENT reveals it, before any log is gone.
      const others = names.filter((name) => name !== 'CURRENT')
      const current = others.length < names.length ? ['CURRENT'] : []
      return [...new Set([...current, ...others, ...owner.fileNames()])]
    }
    const record = local && (await readOwnerRecord(this.#files, this.directory))
    if (record && !record.migration)
      assertNoForeignTables(this.directory, local, databaseUrl(this.#places[0]))
    // A clone can be destroyed without its sources.
    const view = await this.#view.readReachable()
    if (!view) return record?.destroying ? [] : local?.filter(isRocksName)
    const hasLog = continues(record, view)
    const isOwn = (name: string) => {
      const { kind } = parseFileName(name)
      if (kind === 'wal') return hasLog
      return kind !== 'current' && kind !== 'manifest' && kind !== 'identity' && isRocksName(name)
    }
    return ['CURRENT', 'IDENTITY', inheritedManifest, ...(local ?? []).filter(isOwn), ...view.files.keys()]
  }

  /**
   * The LOCK was taken: the database is about to be opened for writing, created or destroyed. Changes nothing in the
   * store: the first commit takes it over.
   * @throws EnvError Corruption, InvalidArgument, Busy.
   */
  async claim(): Promise<void> {
    const [place] = this.#places
    for (let attempt = 0; attempt < maxClaimAttempts; attempt++) {
      this.#opening = await this.#startOpening()
      if (!this.#opening) continue
      this.#view.forget()
      return
    }
    throw new EnvError('Busy', `${databaseUrl(place)} is being opened by others again and again; try later`)
  }

  async release(): Promise<void> {
    const opening = this.#opening
    if (!opening) return
    this.#deps.pinnedLevels?.closed(this.directory)
    try {
      await opening.release()
    } finally {
      this.#opening = undefined
      this.#view.forget()
      this.#overtakenAtMs = opening.owner.isOvertaken ? this.#deps.system.clock.elapsed() : undefined
    }
  }

  /** True for a while after an opening that was overtaken: the next one seals before it recovers. */
  get isOvertaken(): boolean {
    return (
      this.#overtakenAtMs !== undefined &&
      this.#deps.system.clock.elapsed() - this.#overtakenAtMs < sealFirstMs
    )
  }

  requireOwner(action: string): Owner {
    if (this.owner) return this.owner
    throw new EnvError(
      'NotSupported',
      `can't ${action} in ${this.directory}: no database is open for writing there. What lies below the Env's root ` +
        `${this.#deps.config.root} belongs to databases in ${this.#deps.config.store}; choose a directory outside of it for ` +
        'checkpoints, backups and restored databases',
    )
  }

  #startOpening(): Promise<Opening | undefined> {
    const { fenced, migrated, ...deps } = this.#deps
    return Opening.start({
      ...deps,
      directory: this.directory,
      places: this.#places,
      view: this.#view,
      isSealedFirst: this.isOvertaken,
      fenced: (message) => fenced(this.directory, message),
      migrated: (progress) => migrated({ directory: this.directory, ...progress }),
      cachedFile: (file) => this.#cachedFile(file),
      cacheName: (file) => this.#cacheName(file),
    })
  }

  async #metadata(view: DatabaseView | undefined, name: string): Promise<Uint8Array> {
    if (!view) throw await noDatabase(this.#places[0], this.#deps.config.cookie, name)
    if (name === 'CURRENT') return Buffer.from(`${inheritedManifest}\n`)
    if (name === 'IDENTITY') return this.#view.identity(view)
    return view.manifestBytes
  }

  #cachedFile(file: StoredFile): CachedFile {
    const name = this.#cacheName(file)
    return this.#deps.cache.file(name, file.size, (offset, length) => fetchStored(file, offset, length))
  }

  #cacheName(file: StoredFile): string {
    return join(relative(this.#deps.config.root, this.directory), file.objectName)
  }
}

const maxClaimAttempts = 10

/** An opening that was overtaken is tried again at once, or not at all. */
const sealFirstMs = 60_000
