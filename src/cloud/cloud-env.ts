import { basename, dirname, join } from 'node:path'
import type { DatabasePlace } from '../catalog/database-place.js'
import type {
  DirectorySync,
  Env,
  EnvListener,
  FileAttributes,
  ReadableFile,
  Refetched,
  SendEvents,
  WritableFile,
} from '../env/env.js'
import { EnvError, unlessNotFound } from '../env/env-error.js'
import type { StateSelector } from '../env/state-selector.js'
import { realSystem, type System } from '../env/system.js'
import type { WarmUpOptions, WarmUpResult } from '../env/warm-up.js'
import { parseFileName } from '../format/file-name.js'
import type { ConcurrencyLimit } from '../store/concurrency-limit.js'
import type { RequestListener, StoreRequest } from '../store/store-request.js'
import { type Bucket, isForDatabase, openBucket, placeOf } from './bucket.js'
import {
  type CloudEnvConfig,
  type CloudEnvOptions,
  cacheName,
  parseCloudEnvOptions,
} from './cloud-env-options.js'
import { Database } from './database.js'
import { isOnSameDisk } from './disk-space.js'
import { type CloudEnvMetrics, uploadMetrics } from './env-metrics.js'
import { EnvMonitor } from './env-monitor.js'
import { attempt, committing } from './env-operation.js'
import { exists, makeDatabaseDirectory, readDirectory } from './local-directory.js'
import { fileOf, isPlain, type LocatedFile } from './located-file.js'
import { type OpenedCache, openCache } from './open-cache.js'
import type { PastDatabase } from './past-database.js'
import { PastStates } from './past-states.js'
import { Root } from './root.js'
import { SourceBuckets } from './source-buckets.js'
import { uploadEnds } from './upload-ends.js'
import { WarmUps } from './warm-ups.js'

/** For a host in the same thread: functions can't be options, since options are copied to other threads. */
export interface CloudEnvSeams {
  readonly system?: System
  /** Called after each request to the store and the source, each attempt counted. */
  readonly onRequest?: RequestListener
}

/** Makes the Env that a host serves: a cloud one, for the databases below `options.root`. */
export async function createCloudEnv(options: CloudEnvOptions, seams: CloudEnvSeams = {}): Promise<CloudEnv> {
  return CloudEnv.open(parseCloudEnvOptions(options), seams)
}

/**
 * The Env that keeps tables in an object store, the write-ahead log on local disk. This class finds the
 * database that a path belongs to and what kind of file it is; {@link Database} decides the rest. Files outside the root
 * are plain local files, but no database there is opened for writing.
 */
export class CloudEnv implements Env {
  readonly localNames = ['*.log', 'LOG', 'LOG.old*', '*.dbtmp', 'OPTIONS-*', '*.trash']
  readonly localLocks = true
  readonly #config: CloudEnvConfig
  readonly #system: System
  readonly #monitor: EnvMonitor
  readonly #bucket: Bucket
  readonly #sources: SourceBuckets
  /** The database that those of this Env are clones of. */
  readonly #source: DatabasePlace | undefined
  readonly #cache: OpenedCache
  readonly #databases = new Map<string, Database>()
  readonly #root: Root
  readonly #past: PastStates
  readonly #warmUps = new WarmUps()
  #listener: EnvListener | undefined

  private constructor(
    config: CloudEnvConfig,
    system: System,
    monitor: EnvMonitor,
    bucket: Bucket,
    sources: SourceBuckets,
    source: DatabasePlace | undefined,
    cache: OpenedCache,
  ) {
    this.#config = config
    this.#root = new Root(config.root)
    this.#past = new PastStates(config.root)
    this.#system = system
    this.#monitor = monitor
    this.#bucket = bucket
    this.#sources = sources
    this.#source = source
    this.#cache = cache
  }

  static async open(
    config: CloudEnvConfig,
    { system = realSystem, onRequest }: CloudEnvSeams,
  ): Promise<CloudEnv> {
    const monitor = new EnvMonitor(system.clock)
    const seams = {
      clock: system.clock,
      random: () => system.random.next(),
      onRequest(request: StoreRequest) {
        monitor.request(request)
        onRequest?.(request)
      },
      onLimit: (limit: ConcurrencyLimit) => monitor.limit(limit),
    }
    const bucket = await openBucket(config.store, config.connection, seams)
    const sources = new SourceBuckets(bucket, config, (url, connection) => openBucket(url, connection, seams))
    const source = config.source && (await sources.place(config.source.url))
    const cache = await openCache(join(config.root, cacheName), config, system)
    return new CloudEnv(config, system, monitor, bucket, sources, source, cache)
  }

  attach(listener: EnvListener): void {
    this.#listener = listener
  }

  metrics(): CloudEnvMetrics {
    const pending = [...this.#databases.values()].flatMap(({ owner }) => owner?.pendingFiles ?? [])
    return this.#monitor.metrics(
      this.#cache.cache.metrics(),
      uploadMetrics(pending, this.#system.clock.now()),
    )
  }

  listen(names: readonly string[], send: SendEvents): void {
    this.#monitor.events.listen(names, send)
  }

  async newSequentialFile(path: string): Promise<ReadableFile> {
    return this.#openReadable(path)
  }

  async newRandomAccessFile(path: string): Promise<ReadableFile> {
    return this.#openReadable(path)
  }

  async newWritableFile(path: string): Promise<WritableFile> {
    const { database, name, kind } = this.#locate(path)
    if (kind === 'stored') return database.newFile(name)
    if (kind === 'manifest') {
      const manifest = committing(await database.newManifest(name))
      return this.#monitor.watchCommits(database.directory, manifest)
    }
    if (kind !== 'local') database.requireOwner(`write ${name}`)
    return { kind: 'local', path }
  }

  async reopenWritableFile(path: string): Promise<WritableFile> {
    const { database, name, kind } = this.#locate(path)
    return kind === 'stored' ? database.reopenFile(name) : this.newWritableFile(path)
  }

  async fsyncDirectory(path: string): Promise<DirectorySync> {
    // The sync of the MANIFEST waits for uploads. This one doesn't: RocksDB may hold its mutex here (it does for an
    // atomic flush), and a failure makes it forget the flush that it had begun.
    return { localPath: (await exists(this.#system.files, path)) ? path : undefined }
  }

  async fileExists(path: string): Promise<void> {
    const { database, name, kind } = this.#locateReadable(path)
    if (kind === 'stored') await database.liveFile(name)
    else if (kind === 'manifest' || kind === 'metadata')
      await attempt('look for', path, database.metadataSize(name))
    else await attempt('look for', path, this.#system.files.stat(path))
  }

  async getChildren(path: string): Promise<readonly string[]> {
    const past = this.#past.at(path)
    if (past) return past.children()
    const names = this.#root.holds(path)
      ? await this.#database(path).children()
      : await readDirectory(this.#system.files, path)
    if (names) return names.filter((name) => name !== cacheName)
    throw new EnvError('NotFound', `there is no directory ${path}, here or in ${this.#config.store}`)
  }

  async getChildrenFileAttributes(path: string): Promise<readonly FileAttributes[]> {
    const attributes: FileAttributes[] = []
    for (const name of await this.getChildren(path)) {
      const size = await unlessNotFound(this.getFileSize(join(path, name)))
      // Undefined: deleted since the listing.
      if (size !== undefined) attributes.push({ name, size })
    }
    return attributes
  }

  async deleteFile(path: string): Promise<void> {
    const { database, name, kind } = this.#locate(path)
    await attempt('delete', path, kind === 'local' ? this.#system.files.rm(path) : database.deleteFile(name))
  }

  async createDirIfMissing(path: string): Promise<void> {
    if (this.#past.at(path)) return
    if (this.#root.holds(path)) this.#database(path)
    await makeDatabaseDirectory(this.#system.files, path)
  }

  async deleteDir(path: string): Promise<void> {
    if (this.#root.holds(path)) this.#database(path)
    await attempt('delete', path, this.#system.files.rmdir(path))
  }

  async getFileSize(path: string): Promise<number> {
    const { database, name, kind } = this.#locateReadable(path)
    if (kind === 'stored') return (await database.file(name)).size
    if (kind === 'manifest' || kind === 'metadata')
      return attempt('look at', path, database.metadataSize(name))
    return (await attempt('look at', path, this.#system.files.stat(path))).size
  }

  async getFileModificationTime(path: string): Promise<number> {
    const { database, name, kind } = this.#locateReadable(path)
    const modified =
      kind === 'stored'
        ? (await database.file(name)).modified
        : (await attempt('look at', path, this.#system.files.stat(path))).mtime
    return Math.floor(modified.getTime() / 1000)
  }

  async renameFile(source: string, target: string): Promise<void> {
    const from = this.#locate(source)
    const to = this.#locate(target)
    if (from.kind === 'stored' && parseFileName(to.name).kind === 'trash')
      return from.database.moveToTrash(from.name, target)
    if (!isPlain(from)) {
      throw new EnvError(
        'NotSupported',
        `can't rename ${source} to ${target}: the tables and the MANIFEST of a database in ${this.#config.store} keep ` +
          'their names. Copy the file',
      )
    }
    if (to.kind === 'stored') {
      await attempt('rename', source, to.database.linkIn(source, to.name))
      return attempt('delete', source, this.#system.files.rm(source))
    }
    if (!isPlain(to)) return attempt('rename', source, to.database.renameMetadata(source, to.name))
    await attempt('rename', source, this.#system.files.rename(source, target))
  }

  async linkFile(source: string, target: string): Promise<void> {
    const from = this.#locate(source)
    const to = this.#locate(target)
    // RocksDB copies if it can't link.
    if (!isPlain(from) || !(isPlain(to) || to.kind === 'stored')) {
      throw new EnvError(
        'NotSupported',
        `can't link ${source} to ${target}: a file of a database in ${this.#config.store} has no whole local copy that ` +
          'could have a second name. Copy it',
      )
    }
    await attempt(
      'link',
      target,
      to.kind === 'stored' ? to.database.linkIn(source, to.name) : this.#system.files.link(source, target),
    )
  }

  async lockFile(path: string): Promise<void> {
    const directory = dirname(path)
    this.#past.assertNone(directory, 'open it for writing')
    this.#root.assertHolds(directory)
    const database = this.#database(directory)
    await attempt('open for writing', directory, database.claim())
    this.#root.opened(database.directory)
  }

  async unlockFile(path: string): Promise<void> {
    const database = this.#database(dirname(path))
    await this.#warmUps.end('the database', database.directory)
    try {
      await attempt('close', dirname(path), database.release())
    } finally {
      // Its view of the store is stale now. Its open files do without it.
      if (!database.isOvertaken) {
        this.#databases.delete(database.directory)
        this.#root.closed(database.directory)
      }
    }
  }

  async isDirectory(path: string): Promise<boolean> {
    if (this.#past.at(path)) return true
    return (await attempt('look at', path, this.#system.files.stat(path))).isDirectory()
  }

  async getFreeSpace(path: string): Promise<number> {
    const { bavail, bsize } = await attempt('look at', path, this.#system.files.statfs(path))
    return bavail * bsize
  }

  async makeRoom(path: string, bytes: number): Promise<boolean> {
    if (!(await isOnSameDisk(this.#system.files, dirname(path), this.#config.root))) return false
    const { cache } = this.#cache
    return (await cache.makeRoom(bytes)) || uploadEnds(this.#databases.values(), this.#system.clock)
  }

  async stateAt(directory: string, at: StateSelector): Promise<string> {
    this.#root.assertHolds(directory)
    const database = this.#database(directory)
    const state = await attempt('look for a state of', directory, database.stateAt(at))
    return this.#past.add(database.directory, state)
  }

  releaseState(path: string): void {
    this.#past.release(path)
  }

  async warmUp(directory: string, options: WarmUpOptions): Promise<WarmUpResult> {
    this.#root.assertHolds(directory)
    const database = this.#database(directory)
    return this.#warmUps.run(database.directory, options, (terms) => database.warmUp(terms))
  }

  abandon(directory?: string): void {
    if (directory === undefined) {
      this.#bucket.store.abandon(() => true)
      this.#sources.abandon()
      return
    }
    const abandoned = this.#root.realPath(directory)
    // Nothing tells which database a request to the registry or the source serves. With several, it keeps its deadline.
    const isAlone = [...this.#databases.keys()].every((known) => known === abandoned)
    this.#bucket.store.abandon(isForDatabase(this.#bucket, this.#root.path, abandoned, { isAlone }))
    if (isAlone) this.#sources.abandon()
  }

  async refetch(path: string, offset: number, length: number, ageMs: number): Promise<Refetched> {
    const { database, name, kind } = this.#locateReadable(path)
    if (kind === 'stored') {
      const refetched = await database.refetch(name, offset, length, ageMs)
      this.#monitor.refetch({ path, isHealed: refetched.isOther })
      return refetched
    }
    if (kind === 'metadata') await database.forgetCached()
    return { isOther: false, advice: '' }
  }

  async close(): Promise<void> {
    const failures: unknown[] = []
    const attempt = async (finish: () => Promise<void>) => {
      await finish().catch((error: unknown) => failures.push(error))
    }
    await this.#warmUps.end('the Env')
    for (const database of this.#databases.values()) await attempt(() => database.release())
    await attempt(() => this.#cache.close())
    await this.#bucket.store.close()
    await this.#sources.close()
    this.#monitor.events.flush()
    if (failures.length > 0) throw failures[0]
  }

  async #openReadable(path: string): Promise<ReadableFile> {
    const { database, name, kind } = this.#locateReadable(path)
    if (kind === 'stored') return database.openFile(name)
    if (kind === 'manifest' || kind === 'metadata') return attempt('read', path, database.openMetadata(name))
    return { kind: 'local', path }
  }

  /** Finds the database of a file, or the past state, and who answers for it. */
  #locateReadable(path: string): LocatedFile<Database | PastDatabase> {
    const past = this.#past.at(dirname(path))
    return past ? fileOf(past, basename(path)) : this.#locate(path)
  }

  /** Finds the database of a file, and who answers for it. */
  #locate(path: string): LocatedFile {
    const name = basename(path)
    this.#past.assertNone(dirname(path), `write ${name}`)
    if (!this.#root.holds(dirname(path))) return { name, kind: 'local' }
    return fileOf(this.#database(dirname(path)), name)
  }

  #database(path: string): Database {
    const directory = this.#root.realPath(path)
    const known = this.#databases.get(directory)
    if (known) return known
    const places: [DatabasePlace, ...DatabasePlace[]] = [placeOf(this.#bucket, this.#root.path, directory)]
    if (this.#source) places.push(this.#source)
    const database = new Database(directory, places, {
      config: this.#config,
      cache: this.#cache.cache,
      pinnedLevels: this.#cache.pinnedLevels,
      system: this.#system,
      openPlace: (url) => this.#sources.place(url),
      warn: (message) => process.emitWarning(message, { code: 'CLOUDENV_UNPINNED' }),
      migrated: (progress) => this.#monitor.migration(progress),
      fenced: (owned, message) => {
        this.#monitor.fence({ directory: owned, message })
        for (const alias of this.#root.aliasesOf(owned)) this.#listener?.fenced(alias, message)
      },
    })
    this.#databases.set(directory, database)
    return database
  }
}
