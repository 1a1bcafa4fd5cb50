import { join, relative } from 'node:path'
import { noDatabase } from '../catalog/cookies.js'
import { databaseUrl, type Places } from '../catalog/database-place.js'
import { type DatabaseView, listObjects } from '../catalog/database-view.js'
import { maxManifestBytes } from '../catalog/get-first.js'
import {
  beingDestroyedMessage,
  damagedInStoreMessage,
  noRepairMessage,
  onlyCopyMessage,
} from '../catalog/repair-advice.js'
import { fetchStored, type StoredFile } from '../catalog/stored-file.js'
import { isOfEpoch, knowsEpoch } from '../catalog/visibility.js'
import type { LocalWritableFile, ReadableFile, Refetched, SparseFile } from '../env/env.js'
import { EnvError } from '../env/env-error.js'
import type { Files } from '../env/files.js'
import type { System } from '../env/system.js'
import { type Epoch, newEpoch } from '../format/epoch.js'
import { objectName, parseFileName } from '../format/file-name.js'
import { assertConditionalPuts } from '../store/probe-conditional.js'
import type { CachedFile } from './cached-file.js'
import { claimedCloudManifest } from './claim.js'
import type { CloudEnvConfig } from './cloud-env-options.js'
import { CurrentView } from './current-view.js'
import type { DatedGarbage } from './deletions.js'
import { finishDestruction, isBeingDestroyed } from './destruction.js'
import type { FileCache } from './file-cache.js'
import { assertNoForeignTables } from './foreign-writes.js'
import { inheritedGarbage } from './inherited-garbage.js'
import { leftoversOfCreation } from './leftovers.js'
import { continues, inheritedManifest, isRocksName, LocalDatabase } from './local-database.js'
import { readDirectory } from './local-directory.js'
import { Owner } from './owner.js'
import { readOwnerRecord } from './owner-record.js'
import { ServedBytes } from './served-bytes.js'

export interface DatabaseDependencies {
  readonly config: CloudEnvConfig
  readonly cache: FileCache
  readonly system: System
  /** Called when the database turns out to belong to somebody else. */
  fenced(directory: string, message: string): void
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
  #owner: Owner | undefined
  #local: LocalDatabase | undefined
  #overtakenAtMs: number | undefined
  readonly #view: CurrentView

  constructor(directory: string, places: Places, deps: DatabaseDependencies) {
    this.directory = directory
    this.#places = places
    this.#view = new CurrentView(places, deps.config.cookie)
    this.#deps = deps
  }

  get #files(): Files {
    return this.#deps.system.files
  }

  get owner(): Owner | undefined {
    return this.#owner
  }

  /** CURRENT, MANIFEST or IDENTITY, as this database has them now. */
  async openMetadata(name: string): Promise<ReadableFile> {
    if (this.#owner) return { kind: 'local', path: join(this.directory, name) }
    // Reading CURRENT is how RocksDB begins to open a database: from here on it goes by one state of it.
    const view = await this.#view.read({ fresh: name === 'CURRENT' })
    return new ServedBytes(await this.#metadata(view, name))
  }

  async metadataSize(name: string): Promise<number> {
    if (this.#owner) return (await this.#files.stat(join(this.directory, name))).size
    // RocksDB opens a database if there is a CURRENT, and creates one otherwise.
    const view = await this.#view.read({ fresh: name === 'CURRENT' })
    return (await this.#metadata(view, name)).length
  }

  async openFile(name: string): Promise<SparseFile> {
    if (this.#owner) return this.#owner.openFile(name)
    return this.#cachedFile(await this.file(name)).open()
  }

  /** A table or blob file that the present state has. */
  async liveFile(name: string): Promise<StoredFile> {
    if (this.#owner) return this.#owner.file(name)
    return this.#requireFile(name, (await this.#view.read())?.files)
  }

  /** A table or blob file that can be opened: also an obsolete one, which a reader of an older state needs. */
  async file(name: string): Promise<StoredFile> {
    if (this.#owner) return this.#owner.file(name)
    return this.#requireFile(name, (await this.#view.read())?.reachableFiles)
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
    if (cached.isPinned)
      return { isOther: false, advice: onlyCopyMessage(join(this.directory, file.objectName)) }
    const isOther = await cached.refetch(offset, length, ageMs)
    const url = databaseUrl(file.place)
    return { isOther, advice: damagedInStoreMessage(`${url}/${file.objectName}`, url) }
  }

  /** Some table is damaged, and nobody knows which: fetches all of them again, except those that exist only here. */
  async forgetCached(): Promise<void> {
    const files = this.#owner
      ? [...this.#owner.fileNames()].map((name) => this.#owner!.file(name))
      : ((await this.#view.read())?.files.values() ?? [])
    for (const file of files) await this.#cachedFile(file).refetch(0, 0, 0)
  }

  newFile(name: string): LocalWritableFile {
    return this.requireOwner(`write ${name}`).newFile(name)
  }

  async newManifest(name: string): Promise<LocalWritableFile> {
    const owner = this.requireOwner(`write ${name}`)
    if (name === inheritedManifest && !owner.isGone)
      throw new EnvError('NotSupported', noRepairMessage(databaseUrl(this.#places[0])))
    const parsed = parseFileName(name)
    if (parsed.kind === 'manifest') await this.#local?.recordManifest(parsed.number)
    const path = join(this.directory, name)
    return { kind: 'local', path, synced: (size) => this.#commitManifest(owner, path, size) }
  }

  async #commitManifest(owner: Owner, path: string, size: number): Promise<void> {
    if (size <= maxManifestBytes) return owner.commitManifest(path, size)
    throw new EnvError(
      'NotSupported',
      `can't commit ${path} to ${databaseUrl(this.#places[0])}: it has ${size} bytes, and a MANIFEST may have ` +
        `${maxManifestBytes} there. Open the database again, which begins a new one, with a smaller "max_manifest_file_size"`,
    )
  }

  /** Takes in a complete local file from elsewhere as a table (ingestion). */
  async linkIn(source: string, name: string): Promise<void> {
    const owner = this.requireOwner(`link ${name}`)
    await this.#files.link(source, owner.localPath(name))
    owner.seal(name, (await this.#files.stat(source)).size)
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
    if (name === 'CURRENT') await owner.currentWritten()
    if (name === 'IDENTITY') await owner.identityWritten(await this.#files.readFile(target))
  }

  async deleteFile(name: string): Promise<void> {
    const owner = this.requireOwner(`delete ${name}`)
    const { kind } = parseFileName(name)
    if (kind === 'table' || kind === 'blob') return owner.deleteFile(name)
    // Only the destruction of a database deletes CURRENT.
    if (kind === 'current') await owner.destroy()
    await this.#files.rm(join(this.directory, name))
  }

  /** Base names, or undefined when there is no such directory, here or in the store. */
  async children(): Promise<string[] | undefined> {
    const local = await readDirectory(this.#files, this.directory)
    if (this.#owner) {
      const names = (local ?? []).filter(isRocksName)
      // RocksDB destroys a database in this order. The deletion of CURRENT reveals it, before any log is gone.
      const others = names.filter((name) => name !== 'CURRENT')
      return [...(others.length < names.length ? ['CURRENT'] : []), ...others, ...this.#owner.fileNames()]
    }
    const record = local && (await readOwnerRecord(this.#files, this.directory))
    if (record) assertNoForeignTables(this.directory, local, databaseUrl(this.#places[0]))
    const view = await this.#view.read()
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
    const [place, source] = this.#places
    if (source) {
      throw new EnvError('NotSupported', `${databaseUrl(place)} has a source: open it read-only`)
    }
    for (let attempt = 0; attempt < maxClaimAttempts; attempt++) {
      const local = new LocalDatabase(this.#files, this.directory, databaseUrl(place), (bytes) =>
        this.#deps.cache.makeRoom(bytes),
      )
      try {
        this.#owner = await this.#startCandidate(local)
      } catch (error) {
        await local.withdraw().catch(() => undefined)
        throw error
      }
      if (this.#owner) {
        this.#local = local
        this.#view.forget()
        return
      }
    }
    throw new EnvError('Busy', `${databaseUrl(place)} is being opened by others again and again; try later`)
  }

  async release(): Promise<void> {
    const owner = this.#owner
    const local = this.#local
    if (!owner || !local) return
    try {
      await owner.release()
      if (owner.isWithdrawn) await local.withdraw()
      else if (owner.isGone) await local.forget()
    } finally {
      this.#owner = undefined
      this.#view.forget()
      this.#overtakenAtMs = owner.isOvertaken ? this.#deps.system.clock.elapsed() : undefined
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
    if (this.#owner) return this.#owner
    throw new EnvError(
      'NotSupported',
      `can't ${action} in ${this.directory}: no database is open for writing there. What lies below the Env's root ` +
        `${this.#deps.config.root} belongs to databases in ${this.#deps.config.store}; choose a directory outside of it for ` +
        'checkpoints, backups and restored databases',
    )
  }

  /** @returns undefined if somebody else was quicker: call again. */
  async #startCandidate(local: LocalDatabase): Promise<Owner | undefined> {
    const [place] = this.#places
    const { cookie } = this.#deps.config
    const record = await readOwnerRecord(this.#files, this.directory)
    if (record?.destroying) {
      local.assertSameUrl(record)
      await finishDestruction(place, cookie)
    }
    const view = await this.#view.read({ fresh: true })
    if (record?.destroying && !view) {
      await local.finishDestruction()
      return undefined
    }
    const withdrawn = await local.reconcile(view, record)
    if (!view) return this.#startCreation(local)

    const names = [...view.objects.keys()]
    const candidates = withdrawn.filter(
      // An old copy of the record may list an epoch that has owned the database since.
      (epoch) => !knowsEpoch(view.cloudManifest, epoch) && names.some((name) => isOfEpoch(name, epoch)),
    )
    const epoch = newEpoch(() => this.#deps.system.random.bytes(8))
    const garbage = inheritedGarbage(place, view, claimedCloudManifest(view, epoch), candidates)
    const owner = this.#createOwner(local, epoch, view, garbage, candidates)
    await local.recordCandidate(view, await this.#view.identity(view), [...candidates, epoch], () =>
      this.#adoptLeftFiles(view),
    )
    // Last: an opening that fails here has not taken the database from anybody.
    if (this.isOvertaken && !(await owner.fencePresentOwner())) {
      await local.withdraw()
      return undefined
    }
    return owner
  }

  /** @returns undefined if somebody else has created it in the meantime. */
  async #startCreation(local: LocalDatabase): Promise<Owner | undefined> {
    const [place] = this.#places
    const { cookie } = this.#deps.config
    const objects = await listObjects(place)
    if (objects.has(objectName({ kind: 'cloudManifest', cookie }))) {
      if (await isBeingDestroyed(place, cookie))
        throw new EnvError('Busy', beingDestroyedMessage(databaseUrl(place)))
      await local.withdraw()
      return undefined
    }
    const leftovers = await leftoversOfCreation(place, objects, cookie)
    const epoch = newEpoch(() => this.#deps.system.random.bytes(8))
    await local.recordCreation(epoch)
    return this.#createOwner(local, epoch, undefined, leftovers, [])
  }

  #createOwner(
    local: LocalDatabase,
    epoch: Epoch,
    view: DatabaseView | undefined,
    garbage: DatedGarbage,
    candidates: readonly Epoch[],
  ): Owner {
    const [place] = this.#places
    const { config, system, cache } = this.#deps
    return new Owner(
      {
        place,
        directory: this.directory,
        cookie: config.cookie,
        epoch,
        view,
        files: view?.files ?? new Map(),
        garbage,
        leftLogs: local.leftLogs,
      },
      {
        system,
        deletionDelayMs: config.deletionDelayMs,
        ownershipCheckMs: config.ownershipCheckMs,
        cachedFile: (file) => this.#cachedFile(file),
        adopt: (file, localPath) => cache.adopt(file, localPath),
        forget: (file) => cache.remove(this.#cacheName(file)),
        fenced: (message) => this.#deps.fenced(this.directory, message),
        beforeCreation: () => assertConditionalPuts(place.store, place.path, system.random),
        beforeClaim: () => local.recordClaim(epoch, candidates),
        afterClaim: () => local.recordOwnership(epoch, candidates),
        beforeDestruction: () => local.recordDestruction(epoch),
      },
    )
  }

  /** Tables that reached the store just before a crash need not be fetched again. */
  async #adoptLeftFiles(view: DatabaseView): Promise<void> {
    const left = new Set(await readDirectory(this.#files, this.directory))
    for (const file of view.files.values()) {
      if (!left.has(file.objectName)) continue
      const path = join(this.directory, file.objectName)
      const cached = this.#cachedFile(file)
      if ((await this.#files.stat(path)).size === file.size && cached.presentBytes === 0)
        await this.#deps.cache.adopt(cached, path)
    }
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
