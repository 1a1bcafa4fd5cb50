import { link, mkdir, rename, rm, rmdir, stat, statfs } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import { type Clock, systemClock } from '../env/clock.js'
import type {
  DirectorySync,
  Env,
  EnvListener,
  FileAttributes,
  LocalWritableFile,
  ReadableFile,
  WritableFile,
} from '../env/env.js'
import { EnvError, toEnvError } from '../env/env-error.js'
import { parseFileName } from '../format/file-name.js'
import { isObjectKey } from '../store/object-key.js'
import type { ObjectStore } from '../store/object-store.js'
import { type OpenStoreOptions, openStore } from '../store/open-store.js'
import { StoreMetrics } from '../store/store-metrics.js'
import type { RequestListener, StoreRequest } from '../store/store-request.js'
import { parseStoreUrl } from '../store/store-url.js'
import { openCacheDirectory } from './cache-directory.js'
import { type CloudEnvConfig, type CloudEnvOptions, parseCloudEnvOptions } from './cloud-env-options.js'
import { Database, pathSegments } from './database.js'
import type { DatabasePlace } from './database-place.js'
import { type CacheMetrics, FileCache } from './file-cache.js'

export interface CloudEnvMetrics {
  /** Since the Env was started, of the store and of the source. */
  readonly store: ReturnType<StoreMetrics['snapshot']>
  readonly cache: CacheMetrics
  readonly pendingUploads: number
}

/** For a host in the same thread: functions, which can't be options, for those are copied to other threads. */
export interface CloudEnvSeams {
  readonly clock?: Clock
  /** Called after each request to the store and the source, each attempt counted. */
  readonly onRequest?: RequestListener
}

/** Makes the Env that a host serves: a cloud one, for the databases below `options.root`. */
export async function createCloudEnv(options: CloudEnvOptions, seams: CloudEnvSeams = {}): Promise<CloudEnv> {
  return CloudEnv.open(parseCloudEnvOptions(options), seams)
}

/**
 * The Env that keeps tables in an object store, the write-ahead log on local disk. This class finds the
 * database that a path belongs to and what kind of file it is; {@link Database} decides the rest.
 */
export class CloudEnv implements Env {
  readonly localNames = ['*.log', 'LOG', 'LOG.old*', '*.dbtmp', 'OPTIONS-*', '*.trash']
  readonly localLocks = true
  readonly #config: CloudEnvConfig
  readonly #clock: Clock
  readonly #requests: StoreMetrics
  readonly #bucket: Bucket
  readonly #source: Bucket | undefined
  readonly #cache: FileCache
  readonly #closeCache: () => Promise<void>
  readonly #databases = new Map<string, Database>()
  #listener: EnvListener | undefined

  private constructor(
    config: CloudEnvConfig,
    clock: Clock,
    requests: StoreMetrics,
    bucket: Bucket,
    source: Bucket | undefined,
    cache: FileCache,
    closeCache: () => Promise<void>,
  ) {
    this.#config = config
    this.#clock = clock
    this.#requests = requests
    this.#bucket = bucket
    this.#source = source
    this.#cache = cache
    this.#closeCache = closeCache
  }

  static async open(
    config: CloudEnvConfig,
    { clock = systemClock, onRequest }: CloudEnvSeams,
  ): Promise<CloudEnv> {
    const requests = new StoreMetrics()
    const connection = {
      ...config.connection,
      clock,
      onRequest(request: StoreRequest) {
        requests.record(request)
        onRequest?.(request)
      },
    }
    const bucket = await openBucket(config.store, connection)
    const source = config.source === undefined ? undefined : await openBucket(config.source, connection)
    const { directory, close } = await openCacheDirectory(join(config.root, '.cloudenv'))
    const cache = await FileCache.open(directory, config.cacheMaxBytes)
    return new CloudEnv(config, clock, requests, bucket, source, cache, close)
  }

  attach(listener: EnvListener): void {
    this.#listener = listener
  }

  metrics(): CloudEnvMetrics {
    let pendingUploads = 0
    for (const { owner } of this.#databases.values()) pendingUploads += owner?.pendingUploads ?? 0
    return { store: this.#requests.snapshot(), cache: this.#cache.metrics(), pendingUploads }
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
    if (kind === 'manifest') return committing(database.newManifest(name))
    if (kind !== 'local') database.requireOwner(`write ${name}`)
    return { kind: 'local', path }
  }

  async reopenWritableFile(path: string): Promise<WritableFile> {
    const { database, name, kind } = this.#locate(path)
    // RocksDB reopens a table that it ingests to sync it: it was sealed when it was linked in.
    if (kind === 'stored' && database.owner) return { kind: 'local', path: database.owner.localPath(name) }
    return this.newWritableFile(path)
  }

  async fsyncDirectory(path: string): Promise<DirectorySync> {
    this.#assertInRoot(path)
    // Uploads are waited for by the sync of the MANIFEST. Here RocksDB may hold its mutex (for an atomic flush it
    // does), and it forgets what it had begun to flush where this fails.
    return { localPath: (await exists(path)) ? path : undefined }
  }

  async fileExists(path: string): Promise<void> {
    const { database, name, kind } = this.#locate(path)
    if (kind === 'stored') await database.file(name)
    else if (kind === 'local') await run('look for', path, stat(path))
    else await run('look for', path, database.metadataSize(name))
  }

  async getChildren(path: string): Promise<readonly string[]> {
    const names = await this.#database(path).children()
    if (names) return names.filter((name) => name !== cacheName)
    throw new EnvError('NotFound', `there is no directory ${path}, here or in ${this.#config.store}`)
  }

  async getChildrenFileAttributes(path: string): Promise<readonly FileAttributes[]> {
    const attributes: FileAttributes[] = []
    for (const name of await this.getChildren(path)) {
      const size = await this.getFileSize(join(path, name)).catch((error: unknown) => {
        // Deleted since it was listed.
        if (EnvError.is(error, 'NotFound')) return undefined
        throw error
      })
      if (size !== undefined) attributes.push({ name, size })
    }
    return attributes
  }

  async deleteFile(path: string): Promise<void> {
    const { database, name, kind } = this.#locate(path)
    await run('delete', path, kind === 'local' ? rm(path) : database.deleteFile(name))
  }

  async createDirIfMissing(path: string): Promise<void> {
    this.#database(path)
    await run('create', path, mkdir(path, { recursive: true }))
  }

  async deleteDir(path: string): Promise<void> {
    this.#database(path)
    await run('delete', path, rmdir(path))
  }

  async getFileSize(path: string): Promise<number> {
    const { database, name, kind } = this.#locate(path)
    if (kind === 'stored') return (await database.file(name)).size
    if (kind === 'local') return (await run('look at', path, stat(path))).size
    return run('look at', path, database.metadataSize(name))
  }

  async getFileModificationTime(path: string): Promise<number> {
    const { database, name, kind } = this.#locate(path)
    const modified =
      kind === 'stored'
        ? (await database.file(name)).modified
        : (await run('look at', path, stat(path))).mtime
    return Math.floor(modified.getTime() / 1000)
  }

  async renameFile(source: string, target: string): Promise<void> {
    const from = this.#locate(source)
    const to = this.#locate(target)
    if (from.kind === 'stored') {
      if (parseFileName(to.name).kind === 'trash') return from.database.moveToTrash(from.name, target)
      throw new EnvError(
        'NotSupported',
        `can't rename ${source} to ${target}: a table keeps its number for life`,
      )
    }
    if (to.kind === 'stored') {
      await to.database.linkIn(source, to.name)
      return run('delete', source, rm(source))
    }
    if (to.kind !== 'local') return run('rename', source, to.database.renameMetadata(source, to.name))
    await run('rename', source, rename(source, target))
  }

  async linkFile(source: string, target: string): Promise<void> {
    const to = this.#locate(target)
    const isStored = to.kind === 'stored'
    await run('link', target, isStored ? to.database.linkIn(source, to.name) : link(source, target))
  }

  async lockFile(path: string): Promise<void> {
    await run('open for writing', dirname(path), this.#locate(path).database.claim())
  }

  async unlockFile(path: string): Promise<void> {
    const { database } = this.#locate(path)
    try {
      await run('close', dirname(path), database.release())
    } finally {
      // What it knew of the store is void now. Its open files do without it.
      this.#databases.delete(database.directory)
    }
  }

  async isDirectory(path: string): Promise<boolean> {
    this.#assertInRoot(path)
    return (await run('look at', path, stat(path))).isDirectory()
  }

  async getFreeSpace(path: string): Promise<number> {
    const { bavail, bsize } = await run('look at', path, statfs(path))
    return bavail * bsize
  }

  async close(): Promise<void> {
    const failures: unknown[] = []
    const attempt = async (finish: () => Promise<void>) => {
      await finish().catch((error: unknown) => failures.push(error))
    }
    for (const database of this.#databases.values()) await attempt(() => database.release())
    await attempt(() => this.#cache.close())
    await attempt(() => this.#closeCache())
    this.#bucket.store.close()
    this.#source?.store.close()
    if (failures.length > 0) throw failures[0]
  }

  async #openReadable(path: string): Promise<ReadableFile> {
    const { database, name, kind } = this.#locate(path)
    if (kind === 'stored') return database.openFile(name)
    if (kind === 'local') return { kind: 'local', path }
    return run('read', path, database.openMetadata(name))
  }

  /** Whose file it is, and who answers for it. */
  #locate(path: string): Located {
    const name = basename(path)
    const database = this.#database(dirname(path))
    switch (parseFileName(name).kind) {
      case 'table':
      case 'blob':
        return { database, name, kind: 'stored' }
      case 'manifest':
        return { database, name, kind: 'manifest' }
      case 'current':
      case 'identity':
        return { database, name, kind: 'metadata' }
      default:
        return { database, name, kind: 'local' }
    }
  }

  #database(directory: string): Database {
    this.#assertInRoot(directory)
    const known = this.#databases.get(directory)
    if (known) return known
    const { root } = this.#config
    const place = {
      store: this.#bucket.store,
      path: [...this.#bucket.segments, ...pathSegments(root, directory)].join('/'),
    }
    if (place.path !== '' && !isObjectKey(place.path)) {
      throw new EnvError(
        'InvalidArgument',
        `${JSON.stringify(directory)} can't hold a database: its path in the store, ${JSON.stringify(place.path)}, has ` +
          'a character that keys of objects can not have, or is longer than 1,024 bytes. Choose another path',
      )
    }
    const places: [DatabasePlace, ...DatabasePlace[]] = [place]
    if (this.#source) places.push({ store: this.#source.store, path: this.#source.segments.join('/') })
    const database = new Database(directory, places, {
      config: this.#config,
      cache: this.#cache,
      clock: this.#clock,
      fenced: (owned, message) => this.#listener?.fenced(owned, message),
    })
    this.#databases.set(directory, database)
    return database
  }

  #assertInRoot(path: string): void {
    const { root } = this.#config
    const [first] = relative(root, path).split(sep)
    if (first === cacheName) {
      throw new EnvError('InvalidArgument', `${join(root, cacheName)} is the Env's own. Choose another path`)
    }
    if (first !== '..') return
    throw new EnvError(
      'InvalidArgument',
      `${path} does not lie below the Env's root ${root}. Choose a path below it, or another "root"`,
    )
  }
}

/** The directory below the root that is the Env's own. */
const cacheName = '.cloudenv'

interface Located {
  readonly database: Database
  readonly name: string
  /** `stored`: a table or blob file. `metadata`: CURRENT and IDENTITY. `local`: nothing that we decide about. */
  readonly kind: 'stored' | 'manifest' | 'metadata' | 'local'
}

interface Bucket {
  readonly store: ObjectStore
  /** The path inside the bucket, below which the databases lie. */
  readonly segments: readonly string[]
}

/** The registry lies at the root of a bucket, so the store is the whole bucket and the prefix is ours to add. */
async function openBucket(url: string, options: OpenStoreOptions): Promise<Bucket> {
  const parsed = parseStoreUrl(url)
  if (parsed.kind === 'directory') return { store: await openStore(url, options), segments: [] }
  const segments = parsed.prefix.split('/').filter((segment) => segment !== '')
  return { store: await openStore(`s3://${parsed.bucket}`, options), segments }
}

/** A file whose sync commits something to the store. */
function committing(file: LocalWritableFile): LocalWritableFile {
  const { synced } = file
  return synced ? { ...file, synced: (size) => commit(synced(size)) } : file
}

/**
 * Whatever the store refuses it may take later, when the credentials are valid again, the bucket is back or the disk can be
 * written: only a database that belongs to somebody else never comes back. The request that failed is not repeated for
 * that, but the commit is, more and more slowly.
 */
async function commit(action: Promise<void>): Promise<void> {
  try {
    await action
  } catch (error) {
    if (!EnvError.is(error) || error.code === 'IOFenced') throw error
    throw new EnvError(error.code, error.message, { scope: error.scope, retryable: true, cause: error })
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

/** A system error as an EnvError that says what was being done. */
async function run<T>(operation: string, path: string, action: Promise<T>): Promise<T> {
  try {
    return await action
  } catch (error) {
    throw toEnvError(error, `can't ${operation} ${path}`)
  }
}
