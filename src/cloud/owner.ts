import { basename, join } from 'node:path'
import { isCloneIdentity } from '../catalog/clone.js'
import { databaseUrl, objectKey } from '../catalog/database-place.js'
import { type Need, OthersNeeds } from '../catalog/needs.js'
import { putIdentity } from '../catalog/registry.js'
import type { OpenPlace } from '../catalog/sources.js'
import type { StoredFile } from '../catalog/stored-file.js'
import type { LocalWritableFile, SparseFile } from '../env/env.js'
import { EnvError } from '../env/env-error.js'
import { settledWithin } from '../env/settled-within.js'
import type { Epoch } from '../format/epoch.js'
import { parseFileName } from '../format/file-name.js'
import type { ObjectKey } from '../store/object-store.js'
import { BackgroundCollection } from './background-collection.js'
import type { CachedFile } from './cached-file.js'
import { claimedCloudManifest } from './claim.js'
import { collectGarbage } from './collection.js'
import { type DatedGarbage, Deletions } from './deletions.js'
import { type DestructionDependencies, deleteEpoch, finishDestruction } from './destruction.js'
import { FilesElsewhere } from './files-elsewhere.js'
import { FormerManifests } from './former-manifests.js'
import { abortLeftUploads } from './left-uploads.js'
import { readStart } from './local-manifest.js'
import { Migration, type MigrationDependencies } from './migration.js'
import { Ownership, type OwnershipStart } from './ownership.js'
import { isNeverNamed } from './ownership-state.js'
import type { PreparedMigration } from './prepared-migration.js'
import { Tables } from './tables.js'
import { Uploads } from './uploads.js'

/** A database to take over, or none yet. */
export interface OwnerStart extends OwnershipStart {
  /** Id of a clone that is about to be made, or of a directory that migrates. */
  readonly identity: Uint8Array | undefined
  /** The stored files, by the name that RocksDB knows. */
  readonly files: ReadonlyMap<string, StoredFile>
  /** Objects that no state of the database leads to once it is ours. */
  readonly garbage: DatedGarbage
  /** Names of the write-ahead logs that earlier openings left in the directory. */
  readonly leftLogs: readonly string[]
  /** A whole database in the directory, to be made one of the store. */
  readonly migration: PreparedMigration | undefined
}

export interface OwnerDependencies extends MigrationDependencies {
  readonly deletionDelayMs: number
  readonly ownershipCheckMs: number
  readonly collectionIntervalMs: number
  /** Opens the place of a source. */
  readonly openPlace: OpenPlace
  /** Tells the user of something that goes on all the same. */
  warn(message: string): void
  /** Takes a file that the store has now into the cache; false when there is no room for it. */
  adopt(file: CachedFile, localPath: string): Promise<boolean>
  /** Deletes the local copy. */
  forget(file: StoredFile): Promise<void>
  /** Called once, when the database turns out to belong to somebody else. */
  fenced(message: string): void
  /** Called before the CLOUDMANIFEST of a database that exists is sent. */
  beforeClaim(): Promise<void>
  /** Called when the database is ours, and with each later commit until it has succeeded. */
  afterClaim(): Promise<void>
  /** Called before the database is deleted from the store. */
  beforeDestruction(): Promise<void>
}

/**
 * One database while it is open for writing, from taking its LOCK to releasing it: its files in the store. Makes sure
 * that the store never sees a MANIFEST before the tables that it names. {@link Ownership} decides who may commit.
 */
export class Owner {
  readonly epoch: Epoch
  readonly #start: OwnerStart
  readonly #deps: OwnerDependencies
  readonly #ownership: Ownership
  readonly #tables: Tables
  readonly #uploads: Uploads
  readonly #deletions: Deletions
  readonly #others: OthersNeeds
  readonly #formerManifests: FormerManifests
  #committing: Promise<unknown> = Promise.resolve()
  #abortingLeftUploads: Promise<void> = Promise.resolve()
  readonly #released = new AbortController()
  readonly #collection: BackgroundCollection
  readonly #elsewhere: FilesElsewhere
  readonly #migration: Migration | undefined
  /** Last commit that succeeded: path and size of its MANIFEST. RocksDB deletes a new one whose commit fails. */
  #localCommit: { readonly path: string; readonly size: number } | undefined
  #identity: Uint8Array | undefined
  /** True once something was sent to the store under the new epoch. */
  #hasWritten = false
  #hasLeftObjects = false

  constructor(start: OwnerStart, deps: OwnerDependencies) {
    this.epoch = start.epoch
    this.#start = start
    this.#deps = deps
    this.#identity = start.identity
    this.#tables = new Tables(start.files)
    this.#elsewhere = new FilesElsewhere(deps.system.files, start.leftLogs)
    this.#ownership = new Ownership(start, {
      system: deps.system,
      ownershipCheckMs: deps.ownershipCheckMs,
      deletionDelayMs: deps.deletionDelayMs,
      fenced: (message) => deps.fenced(message),
      beforeClaim: () => deps.beforeClaim(),
      afterClaim: () => this.#completeClaim(),
    })
    this.#formerManifests = new FormerManifests(start.place, start.epoch, deps.system.random)
    this.#others = new OthersNeeds(start.place, start.cookie)
    this.#uploads = new Uploads(this.#tables, (file, signal) => this.#upload(file, signal))
    this.#deletions = new Deletions(
      this.#tables,
      {
        ownedSince: () => this.#ownership.ownedSince(),
        needsOfOthers: (keys, storeNow) => this.#needsOfOthers(keys, storeNow),
        deleteMany: (keys) => start.place.store.deleteMany(keys),
      },
      deps.deletionDelayMs,
      deps.system.clock,
    )
    const { clock } = deps.system
    this.#collection = new BackgroundCollection(clock, deps.collectionIntervalMs, async (signal) => {
      if (await this.#ownership.ownedSince())
        await collectGarbage(start.place, { ...this.#destruction, signal })
    })
    const { place, directory, migration: prepared } = start
    const [publish, isPublished] = [() => this.#publish(), () => this.isOwned]
    const sending = { tables: this.#tables, uploads: this.#uploads, publish, isPublished }
    this.#migration = prepared && new Migration({ place, directory, prepared, ...sending }, deps)
  }

  /** True when the store has no database: it was destroyed, or never came to be. */
  get isGone(): boolean {
    const { state } = this.#ownership
    return state === 'destroyed' || state === 'creating'
  }

  /** True when the database was not taken over, and nothing of the attempt is left or under way. */
  get isWithdrawn(): boolean {
    return isNeverNamed(this.#ownership.state) && !this.#hasLeftObjects
  }

  /** True when somebody else changed the database before the first commit. */
  get isOvertaken(): boolean {
    return this.#ownership.state === 'overtaken'
  }

  /**
   * Fences the present owner now, instead of with the first commit.
   * @returns false if somebody changed the database since it was viewed.
   */
  async fencePresentOwner(): Promise<boolean> {
    return this.#ownership.fencePresentOwner()
  }

  /** Files on their way into the store. */
  get pendingFiles(): readonly StoredFile[] {
    return [...this.#tables.pending].flatMap(({ file, upload }) => (file && upload ? file : []))
  }

  /** See {@link Uploads.nextEnd}. */
  nextUploadEnd(): Promise<unknown> | undefined {
    return this.#uploads.nextEnd()
  }

  fileNames(): Iterable<string> {
    return this.#tables.names()
  }

  file(name: string): StoredFile {
    const file = this.#tables.live(name)?.file
    if (file) return file
    throw new EnvError('NotFound', `${databaseUrl(this.#start.place)} has no ${name}`)
  }

  openFile(name: string): SparseFile {
    return this.#deps.cachedFile(this.file(name)).open()
  }

  /** A table or blob file that RocksDB is about to write. */
  newFile(name: string): LocalWritableFile {
    this.#ownership.assertUsable()
    const path = this.localPath(name)
    return { kind: 'local', path, sealed: async (size) => this.seal(name, size, path) }
  }

  /** A new file is complete: it starts on its way into the store. @param isLinked it has another name, elsewhere. */
  seal(name: string, size: number, path: string, isLinked = false): void {
    if (this.#tables.live(name)) return
    const file: StoredFile = {
      place: this.#start.place,
      objectName: this.#objectName(name),
      size,
      modified: new Date(this.#deps.system.clock.now()),
    }
    this.#hasWritten = true
    this.#uploads.start(this.#tables.seal(name, file))
    this.#deps.cachedFile(file).pin(path, { isShared: isLinked || this.isWholeHere })
  }

  /** Until a migration is complete, the directory has everything under the names that RocksDB knows. */
  localPath(name: string): string {
    return join(this.#start.directory, this.isWholeHere ? name : this.#objectName(name))
  }

  /** True until the store is known to have a database that is migrated: the directory holds the whole of it. */
  get isWholeHere(): boolean {
    return this.#migration !== undefined && !this.isOwned
  }

  /** True when the store has a database that was migrated, and its files in the directory are not needed any more. */
  get isMigrated(): boolean {
    return this.#migration?.isComplete ?? false
  }

  async deleteFile(name: string): Promise<void> {
    // A table that RocksDB wrote before a crash, and did not commit.
    if (this.isWholeHere && !this.#tables.live(name))
      return this.#deps.system.files.rm(join(this.#start.directory, name), { force: true })
    const file = this.file(name)
    const table = this.#tables.drop(name)
    await this.#uploads.cancel(table)
    await this.#deps.forget(file)
    // What lies at a source is deleted by its owner.
    if (file.place !== this.#start.place) return this.#tables.forget(table)
    if (this.#ownership.state === 'owned') this.#deletions.schedule(table)
  }

  /** Resolves when every sealed file is in the store: what is written next may name them. */
  async settled(): Promise<void> {
    this.#ownership.assertUsable()
    await this.#uploads.settled()
    this.#ownership.assertUsable()
  }

  /** Puts the first `size` bytes of the local MANIFEST into the store, once everything that it names is there. */
  async commitManifest(path: string, size: number): Promise<void> {
    const commit = this.#committing.then(async () => {
      if (this.#ownership.state === 'migrating') await this.#migration?.announce()
      else await this.settled()
      const manifest = await readStart(this.#deps.system.files, path, size)
      // A new database has no log before its first MANIFEST, and no file.
      if (!this.isGone)
        await this.#elsewhere.assertNone(path, manifest, (name) => this.#tables.live(name) !== undefined)
      this.#hasWritten = true
      if (this.#ownership.state !== 'migrating') await this.#replaceManifest(path, manifest)
      this.#localCommit = { path, size }
    })
    this.#committing = commit.catch(() => undefined)
    return commit
  }

  /** Makes a database that was in the directory only one of the store, once all of it is there. */
  async #publish(): Promise<void> {
    if (this.isOwned) return
    await this.settled()
    const publishing = this.#committing.then(async () => {
      // Commits wait from here on: RocksDB deletes no table that the MANIFEST names.
      await this.settled()
      const { path, size } = this.#localCommit!
      await this.#replaceManifest(path, await readStart(this.#deps.system.files, path, size))
    })
    this.#committing = publishing.catch(() => undefined)
    return publishing
  }

  /** Keeps the MANIFEST in force if this is another file. One of a database without a file is not worth it. */
  async #replaceManifest(path: string, manifest: Uint8Array): Promise<void> {
    const file = parseFileName(basename(path))
    if (file.kind !== 'manifest') throw new Error(`${path} is no MANIFEST`)
    const wasOwned = this.isOwned
    const former = wasOwned ? await this.#formerManifests.keepBefore(file.number) : undefined
    if (former !== undefined) this.#deletions.schedule(this.#tables.inherit(former))
    await this.#ownership.commit(manifest)
    if (this.#migration && !wasOwned) {
      await this.#migration.assertArrived()
      await this.#ownership.create()
    }
    if (!wasOwned && this.isOwned) this.#formerManifests.began(file.number)
  }

  /** True while the store has the database as this opening left it. */
  get isOwned(): boolean {
    return this.#ownership.state === 'owned'
  }

  /** CURRENT names a complete MANIFEST: with that a new database exists, here and in the store. */
  async currentWritten(): Promise<void> {
    this.#ownership.assertUsable()
    if (this.#ownership.state === 'migrating') this.#migration?.start()
    if (this.#ownership.state !== 'creating') return
    await this.#deps.beforeCreation()
    await this.#ownership.create()
  }

  /**
   * RocksDB wrote the id of the database. The object has the same name for everybody who tries to create the database,
   * so only the owner writes it, and never overwrites one. A clone keeps its own id: the one in its MANIFEST, which
   * RocksDB writes wherever it finds one there, is that of its source.
   */
  async identityWritten(identity: Uint8Array): Promise<void> {
    this.#ownership.assertUsable()
    const own = this.#identity && Buffer.from(this.#identity).toString('latin1')
    if (!isCloneIdentity(own)) this.#identity = identity
    if (this.#ownership.state === 'owned') await this.#putIdentity()
  }

  /** From here on nobody can open the database. The release removes it from the store. */
  async destroy(): Promise<void> {
    await this.#ownership.destroy(() => this.#deps.beforeDestruction())
  }

  /** The LOCK was released. No MANIFEST will name any further object; those of no database leave the store. */
  async release(): Promise<void> {
    this.#migration?.stop()
    await this.#committing
    await this.#uploads.cancelAll()
    await this.#migration?.ended()
    await Promise.all([
      this.#deletions.finish(),
      settledWithin(this.#deps.system.clock, finishMs, this.#collection.stop()),
      settledWithin(this.#deps.system.clock, finishMs, this.#abortingLeftUploads),
    ])
    this.#released.abort()
    this.#ownership.release()
    const { place, cookie } = this.#start
    const { state } = this.#ownership
    if (state === 'destroyed') {
      await finishDestruction(place, cookie, this.#destruction)
      await this.#migration?.removeArrived()
    } else if (state === 'creating' || (this.isWithdrawn && this.#hasWritten)) {
      // Remains of a database that never came to be harm nobody.
      await deleteEpoch(place, this.epoch).catch(() => {
        this.#hasLeftObjects = true
      })
    }
  }

  get #destruction(): DestructionDependencies {
    const { openPlace, system, warn } = this.#deps
    return { openPlace, random: system.random, warn }
  }

  async #completeClaim(): Promise<void> {
    await this.#deps.afterClaim()
    await this.#putIdentity()
    await this.#migration?.complete((cached, path) => this.#keep(cached, path))
    // Only once: nothing fails from here on.
    for (const table of this.#tables.leaving.values()) this.#deletions.schedule(table)
    this.#deletions.inherit(this.#start.garbage)
    this.#abortLeftUploads()
    this.#collection.start()
  }

  #abortLeftUploads(): void {
    const { place, view, isFork } = this.#start
    // The uploads of a past epoch may be those of the owner that a fork leaves alone.
    if (!view || isFork) return
    const cloudManifest = claimedCloudManifest(view, this.epoch)
    this.#abortingLeftUploads = abortLeftUploads(place, view, cloudManifest, this.#released.signal)
  }

  async #putIdentity(): Promise<void> {
    const identity = this.#identity
    const { place, view } = this.#start
    if (!identity || view?.objects.has('IDENTITY')) return
    await putIdentity(place, identity)
  }

  async #upload(file: StoredFile, signal: AbortSignal): Promise<void> {
    const { place, objectName, size } = file
    if (this.#ownership.state === 'migrating') await this.#migration?.announce()
    const cached = this.#deps.cachedFile(file)
    const localPath = cached.location()?.path ?? join(this.#start.directory, objectName)
    await place.store.put(objectKey(place, objectName), { file: localPath, size }, { signal })
    signal.throwIfAborted()
    if (!this.isWholeHere) await this.#keep(cached, localPath)
  }

  /** The store has the file: its local copy may leave, and does if the cache has no room for it. */
  async #keep(cached: CachedFile, localPath: string): Promise<void> {
    if (!(await this.#deps.adopt(cached, localPath))) await cached.evict()
  }

  async #needsOfOthers(keys: readonly ObjectKey[], storeNow: Date): Promise<ReadonlyMap<ObjectKey, Need>> {
    const { place } = this.#start
    const prefix = objectKey(place, '')
    const names = keys.map((key) => key.slice(prefix.length))
    const needs = await this.#others.of(names, storeNow)
    return new Map([...needs].map(([name, need]) => [objectKey(place, name), need]))
  }

  #objectName(name: string): string {
    return `${name}-${this.epoch}`
  }
}

/** Hardly ever waited for: it began with the first commit. The next owner finishes what a slow store did not. */
const finishMs = 5_000
