import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../env/clock.js'
import type { LocalWritableFile, SparseFile } from '../env/env.js'
import { EnvError } from '../env/env-error.js'
import { encodeCloudManifest } from '../format/cloud-manifest.js'
import type { Epoch } from '../format/epoch.js'
import { objectName, parseObjectName } from '../format/file-name.js'
import { type ObjectKey, PreconditionFailed } from '../store/object-store.js'
import type { CachedFile } from './cached-file.js'
import { writerMetadata } from './claim.js'
import { type DatabasePlace, databaseUrl, objectKey } from './database-place.js'
import { getFirst, type StoredFile } from './database-view.js'
import { Deletions } from './deletions.js'
import { Uploads } from './uploads.js'

/** What an owner starts from: an inherited database, or none yet. */
export interface OwnerStart {
  readonly place: DatabasePlace
  readonly directory: string
  readonly cookie: string
  readonly epoch: Epoch
  /** Unique to this opening: tells our own writes from those of others. */
  readonly writer: string
  /** ETags of what the claim wrote; undefined for a database that is still to be created. */
  readonly claimed: { readonly cloudManifestEtag: string; readonly manifestEtag: string } | undefined
  /** The stored files, by the name that RocksDB knows. */
  readonly files: ReadonlyMap<string, StoredFile>
  readonly hasIdentity: boolean
  /** Objects that no state of the database leads to any more, once it is ours. */
  readonly garbage: readonly ObjectKey[]
}

export interface OwnerDependencies {
  readonly clock: Clock
  readonly deletionDelayMs: number
  readonly ownershipCheckMs: number
  /** The local side of a stored file. */
  cachedFile(file: StoredFile): CachedFile
  /** Takes a file that the store has now into the cache; false when there is no room for it. */
  adopt(file: CachedFile, localPath: string): Promise<boolean>
  /** Deletes the local copy. */
  forget(file: StoredFile): Promise<void>
  /** Called once, when the database turns out to belong to somebody else. */
  fenced(message: string): void
  /** Called before a new database comes to be: rejects where the store can't keep two writers apart. */
  creating(): Promise<void>
  /** Called once, when a new database exists in the store. */
  created(): Promise<void>
}

/**
 * One database while it is open for writing: from the claim, or the decision to create it, to the release
 * of its LOCK. Makes sure that the store never sees a MANIFEST before the tables that it names, and that
 * an owner who was displaced changes nothing any more.
 */
export class Owner {
  readonly epoch: Epoch
  readonly #start: OwnerStart
  readonly #deps: OwnerDependencies
  readonly #files: Map<string, StoredFile>
  readonly #uploads: Uploads
  readonly #deletions: Deletions
  #state: 'creating' | 'owned' | 'fenced' | 'destroyed'
  #fence: EnvError | undefined
  #cloudManifestEtag: string | undefined
  #manifestEtag: string | undefined
  #committing: Promise<unknown> = Promise.resolve()
  #cancelCheck: (() => void) | undefined
  #identity: Uint8Array | undefined
  /** The CLOUDMANIFEST of a new database was sent: without an answer it may be there or not. */
  #mayExist = false
  #isReleased = false

  constructor(start: OwnerStart, deps: OwnerDependencies) {
    this.epoch = start.epoch
    this.#start = start
    this.#deps = deps
    this.#files = new Map(start.files)
    this.#state = start.claimed ? 'owned' : 'creating'
    this.#cloudManifestEtag = start.claimed?.cloudManifestEtag
    this.#manifestEtag = start.claimed?.manifestEtag
    this.#uploads = new Uploads((name, signal) => this.#upload(name, signal))
    this.#deletions = new Deletions(
      {
        mayDelete: async () => (await this.#checkOwnership()) && !(await this.#hasOtherStates()),
        deleteMany: (keys) => start.place.store.deleteMany(keys),
      },
      deps.deletionDelayMs,
      deps.clock,
    )
    if (start.claimed) this.#deleteGarbage()
    this.#scheduleCheck()
  }

  /** True when the store has no database: it was destroyed, or never came to be. */
  get isGone(): boolean {
    return this.#state === 'destroyed' || (this.#state === 'creating' && !this.#mayExist)
  }

  get pendingUploads(): number {
    return this.#uploads.size
  }

  fileNames(): Iterable<string> {
    return this.#files.keys()
  }

  file(name: string): StoredFile {
    const file = this.#files.get(name)
    if (file) return file
    throw new EnvError('NotFound', `${databaseUrl(this.#start.place)} has no ${name}`)
  }

  openFile(name: string): SparseFile {
    return this.#deps.cachedFile(this.file(name)).open()
  }

  /** A table or blob file that RocksDB is about to write. */
  newFile(name: string): LocalWritableFile {
    this.#assertUnfenced()
    return {
      kind: 'local',
      path: this.#localPath(name),
      sealed: async (size) => this.seal(name, size),
    }
  }

  /** A new file is complete: it starts on its way into the store. */
  seal(name: string, size: number): void {
    if (this.#files.has(name)) return
    const { place } = this.#start
    const file: StoredFile = {
      place,
      objectName: this.#objectName(name),
      size,
      modified: new Date(this.#deps.clock.now()),
    }
    this.#files.set(name, file)
    this.#deletions.cancel(objectKey(place, file.objectName))
    this.#uploads.start(name)
    this.#deps.cachedFile(file).born(this.#localPath(name))
  }

  localPath(name: string): string {
    return this.#localPath(name)
  }

  async deleteFile(name: string): Promise<void> {
    const file = this.file(name)
    this.#files.delete(name)
    await this.#uploads.cancel(name)
    await this.#deps.forget(file)
    if (file.place === this.#start.place) this.#deletions.schedule(objectKey(file.place, file.objectName))
  }

  /** Resolves when every sealed file is in the store: what is written next may name them. */
  async settled(): Promise<void> {
    this.#assertUnfenced()
    await this.#uploads.settled()
    this.#assertUnfenced()
  }

  /** Puts the first `size` bytes of the local MANIFEST into the store, once everything that it names is there. */
  async commitManifest(path: string, size: number): Promise<void> {
    const commit = this.#committing.then(async () => {
      await this.settled()
      await this.#putManifest(await readStart(path, size))
    })
    this.#committing = commit.catch(() => undefined)
    return commit
  }

  /** CURRENT names a complete MANIFEST: with that a new database exists, here and in the store. */
  async currentWritten(): Promise<void> {
    this.#assertUnfenced()
    if (this.#state !== 'creating') return
    const { place, cookie, writer } = this.#start
    await this.#deps.creating()
    if (this.#identity) await this.#putIdentity(this.#identity)
    this.#mayExist = true
    try {
      const { etag } = await place.store.put(
        objectKey(place, objectName({ kind: 'cloudManifest', cookie })),
        encodeCloudManifest({ past: [], current: this.epoch }),
        { condition: 'absent', metadata: { [writerMetadata]: writer } },
      )
      this.#cloudManifestEtag = etag
    } catch (error) {
      if (!(error instanceof PreconditionFailed)) throw error
      throw this.#displaced('somebody else created the database at the same time')
    }
    this.#state = 'owned'
    this.#deleteGarbage()
    await this.#deps.created()
    this.#scheduleCheck()
  }

  /** The id of a new database is stored with it; that of an inherited one is there already. */
  async identityWritten(identity: Uint8Array): Promise<void> {
    this.#assertUnfenced()
    this.#identity = identity
    if (this.#state === 'owned' && !this.#start.hasIdentity) await this.#putIdentity(identity)
  }

  /** Takes the database out of the store, its CLOUDMANIFEST first: without that there is no database. */
  async destroy(): Promise<void> {
    this.#assertUnfenced()
    if (this.#state === 'owned') {
      if (!(await this.#checkOwnership())) this.#assertUnfenced()
      const { place, cookie } = this.#start
      const identity = await getFirst([place], 'IDENTITY')
      const registration = identity && registryKey(identity.object.body)
      await place.store.deleteMany([objectKey(place, objectName({ kind: 'cloudManifest', cookie }))])
      this.#state = 'destroyed'
      if (registration) await place.store.deleteMany([registration])
    }
    this.#state = 'destroyed'
  }

  /** The LOCK is let go. What is sealed gets to the store first; a destroyed database leaves nothing. */
  async release(): Promise<void> {
    await this.#uploads.drained()
    await this.#committing
    this.#isReleased = true
    this.#cancelCheck?.()
    await this.#deletions.stop()
    if (this.isGone) await this.#deleteObjects(this.#state === 'creating' ? this.epoch : undefined)
  }

  /** Deletes what is left of a database that is no more, or never came to be (then only what `epoch` wrote). */
  async #deleteObjects(epoch?: Epoch): Promise<void> {
    const { place } = this.#start
    const prefix = objectKey(place, '')
    const keys: ObjectKey[] = []
    for await (const { key } of place.store.list(prefix, { shallow: true })) {
      const name = parseObjectName(key.slice(prefix.length))
      // Under another cookie there is another state of the database, to which some of the objects belong.
      if (name?.kind === 'cloudManifest') return
      if (name && (epoch === undefined || ('epoch' in name && name.epoch === epoch))) keys.push(key)
    }
    if (keys.length > 0) await place.store.deleteMany(keys)
  }

  async #putIdentity(identity: Uint8Array): Promise<void> {
    const { place } = this.#start
    await place.store.put(objectKey(place, 'IDENTITY'), identity)
    const registration = registryKey(identity)
    if (!registration) return
    await place.store.put(registration, new Uint8Array(0), { metadata: { dirname: place.path } })
  }

  async #putManifest(bytes: Uint8Array): Promise<void> {
    const { place, writer } = this.#start
    const key = objectKey(place, objectName({ kind: 'manifest', epoch: this.epoch }))
    const put = () =>
      place.store.put(key, bytes, {
        condition: this.#manifestEtag === undefined ? 'absent' : { etag: this.#manifestEtag },
        metadata: { [writerMetadata]: writer },
      })
    try {
      this.#manifestEtag = (await put()).etag
    } catch (error) {
      if (!(error instanceof PreconditionFailed) && !EnvError.is(error, 'NotFound')) throw error
      // Our own earlier put may have arrived although its answer did not: then the object is ours, and we go on from it.
      const found = await place.store.head(key).catch((headError: unknown) => {
        if (EnvError.is(headError, 'NotFound')) return undefined
        throw headError
      })
      if (found?.metadata[writerMetadata] !== writer) {
        throw this.#displaced('somebody else opened the database for writing')
      }
      this.#manifestEtag = found.etag
      this.#manifestEtag = (await put()).etag
    }
  }

  async #upload(name: string, signal: AbortSignal): Promise<void> {
    const file = this.file(name)
    const localPath = this.#localPath(name)
    await file.place.store.put(
      objectKey(file.place, file.objectName),
      { file: localPath, size: file.size },
      { signal },
    )
    signal.throwIfAborted()
    const cached = this.#deps.cachedFile(file)
    if (!(await this.#deps.adopt(cached, localPath))) await cached.evict()
  }

  /** Looks whether the CLOUDMANIFEST is still the one that we wrote. */
  async #checkOwnership(): Promise<boolean> {
    if (this.#state !== 'owned') return this.#state === 'creating'
    const { place, cookie } = this.#start
    const key = objectKey(place, objectName({ kind: 'cloudManifest', cookie }))
    const found = await place.store.head(key).catch((error: unknown) => {
      if (EnvError.is(error, 'NotFound')) return undefined
      throw error
    })
    // It may have been let go, or destroyed, while we looked: the next owner is none of our business.
    if (this.#isReleased || this.#state !== 'owned') return false
    if (found?.etag === this.#cloudManifestEtag) return true
    if (found) this.#displaced('somebody else opened the database for writing')
    else this.#deleted()
    return false
  }

  #deleteGarbage(): void {
    for (const key of this.#start.garbage) this.#deletions.schedule(key)
  }

  /** Whether there is a CLOUDMANIFEST of another cookie, which may lead to what is obsolete under ours. */
  async #hasOtherStates(): Promise<boolean> {
    const { place, cookie } = this.#start
    const own = objectKey(place, objectName({ kind: 'cloudManifest', cookie }))
    const prefix = objectKey(place, '')
    for await (const { key } of place.store.list(`${prefix}CLOUDMANIFEST`, { shallow: true })) {
      if (key !== own && parseObjectName(key.slice(prefix.length))?.kind === 'cloudManifest') return true
    }
    return false
  }

  #scheduleCheck(): void {
    if (this.#isReleased || this.#state !== 'owned' || this.#deps.ownershipCheckMs === 0) return
    this.#cancelCheck = this.#deps.clock.after(this.#deps.ownershipCheckMs, () => {
      // The store can't be reached: the next check, or the next commit, will tell.
      void this.#checkOwnership()
        .catch(() => undefined)
        .then(() => this.#scheduleCheck())
    })
  }

  #displaced(reason: string): EnvError {
    return this.#raiseFence(
      `${reason}. Close it. Opening it again takes it back from the other; writes that were not flushed are set aside then`,
    )
  }

  #deleted(): EnvError {
    const { directory, cookie } = this.#start
    const cloudManifest = objectName({ kind: 'cloudManifest', cookie })
    return this.#raiseFence(
      `its ${cloudManifest} was deleted. Close it. To go on, bring the ${cloudManifest} back, for example an earlier version of ` +
        `that object, and open it again; to begin anew, move ${directory} away and remove what is left in the store`,
    )
  }

  #raiseFence(reason: string): EnvError {
    if (this.#fence) return this.#fence
    const { place, directory } = this.#start
    this.#state = 'fenced'
    this.#fence = new EnvError(
      'IOFenced',
      `${databaseUrl(place)} no longer belongs to ${directory} (epoch ${this.epoch}): ${reason}`,
      { scope: 'fileSystem' },
    )
    this.#deps.fenced(this.#fence.message)
    return this.#fence
  }

  #assertUnfenced(): void {
    if (this.#fence) throw this.#fence
  }

  #objectName(name: string): string {
    return `${name}-${this.epoch}`
  }

  #localPath(name: string): string {
    return join(this.#start.directory, this.#objectName(name))
  }
}

/**
 * The entry of the bucket's registry under which rocksdb-cloud finds the path of a database by its id; none for what
 * is no id, for anybody may have written anything there.
 */
function registryKey(identity: Uint8Array): ObjectKey | undefined {
  const id = Buffer.from(identity).toString('latin1').trim()
  return /^[\w-]{1,100}$/.test(id) ? `.rockset/dbid/${id}` : undefined
}

async function readStart(path: string, size: number): Promise<Uint8Array> {
  const file = await open(path, 'r')
  try {
    const bytes = Buffer.alloc(size)
    const { bytesRead } = await file.read(bytes, 0, size, 0)
    if (bytesRead === size) return bytes
    throw new EnvError('IOError', `${path} has ${bytesRead} bytes, ${size} were written to it`, {
      retryable: true,
    })
  } finally {
    await file.close()
  }
}
