import { basename, dirname } from 'node:path/posix'
import { databaseUrl, objectKey, objectUrl, type Places } from '../cloud/database-place.js'
import { maxReadAheadBytes, ReadAhead } from '../cloud/read-ahead.js'
import { ServedBytes } from '../cloud/served-bytes.js'
import type {
  DirectorySync,
  Env,
  FileAttributes,
  ServedReadableFile,
  ServedWritableFile,
} from '../env/env.js'
import { EnvError } from '../env/env-error.js'
import { blobFileSize } from '../format/blob-file-size.js'
import type { CloudManifest } from '../format/cloud-manifest.js'
import { epochOf } from '../format/epoch.js'
import {
  blobFileName,
  manifestFileName,
  objectName,
  parseFileName,
  tableFileName,
} from '../format/file-name.js'
import type { Manifest } from '../format/manifest.js'
import type { S3Connection } from '../store/s3-client.js'
import { StoreMetrics } from '../store/store-metrics.js'
import { bucketDirectory } from './bucket-directory.js'
import { checkOpenable } from './check-openable.js'
import { ChunkCache, type ChunkedFile, chunkBytes } from './chunk-cache.js'
import { cloneAdvice } from './clone.js'
import { newestFirst } from './newest-first.js'
import { openPlaces } from './open-places.js'
import { bringBack } from './problem.js'
import type { RangedSource } from './ranged-source.js'
import { readState } from './read-state.js'

export interface BucketEnvOptions {
  /** Of the database: its objects lie directly below it. */
  readonly url: string
  /** Of the database that this one was cloned from: where what is not found at `url` is looked for. */
  readonly source?: string
  /** Names the CLOUDMANIFEST. Default: the plain one. */
  readonly cookie?: string
  readonly connection?: S3Connection
  /**
   * The name of a column family of which an iterator will be made, for which RocksDB opens all tables of level 0. Where one
   * of them cannot be opened, RocksDB 7.8 frees an iterator twice, and the process ends. They are opened here before,
   * which is an error then, and otherwise costs no request more: what is fetched is held for RocksDB.
   */
  readonly iterated?: string
  /** Memory for parts of tables. Default 32 MiB. */
  readonly cacheBytes?: number
}

export interface BucketEnvMetrics {
  /** Of the database, as errors have it. */
  readonly url: string
  /** Since the Env was started, of the store and of the source. */
  readonly store: ReturnType<StoreMetrics['snapshot']>
  readonly columnFamilies: readonly BucketColumnFamily[]
}

/** What has to be known of a column family before RocksDB can open it. */
export interface BucketColumnFamily {
  /** From the bucket: escape it before it is printed. */
  readonly name: string
  /** RocksDB's name of it; undefined for the order of the bytes. */
  readonly comparator: string | undefined
  /** How many levels have tables, those above them included. */
  readonly levels: number
}

/**
 * Makes an Env that holds one database of a bucket, to be opened read-only, without a local disk: files are served from
 * memory, tables by ranged GETs. Nothing is ever written to the store.
 * @throws EnvError NotFound: there is no database; Corruption: its MANIFEST, or a table that {@link BucketEnvOptions.iterated}
 *   has opened, cannot be read.
 */
export async function createBucketEnv(options: BucketEnvOptions): Promise<BucketEnv> {
  const { url, source, cookie = '', connection = {}, iterated, cacheBytes = defaultCacheBytes } = options
  const requests = new StoreMetrics()
  const places = await openPlaces(url, source, { ...connection, onRequest: requests.record })
  try {
    const env = new BucketEnv(places, await stateOf(places, cookie), requests, cacheBytes)
    if (iterated !== undefined) await env.checkLevel0(iterated)
    return env
  } catch (error) {
    for (const { store } of places) store.close()
    throw error
  }
}

interface DatabaseState {
  readonly cloudManifest: CloudManifest
  readonly manifest: Manifest
  readonly manifestBytes: Uint8Array
}

async function stateOf(places: Places, cookie: string): Promise<DatabaseState> {
  const state = await readState(places, cookie)
  const { cloudManifest, manifest, manifestBytes, problems } = state
  if (cloudManifest && manifest && manifestBytes) return { cloudManifest, manifest, manifestBytes }
  const [problem] = problems
  const message = problem?.message ?? `${state.cloudManifestObject} cannot be read`
  throw new EnvError(state.cloudManifestModified === undefined ? 'NotFound' : 'Corruption', message)
}

const defaultCacheBytes = 32 * 1024 * 1024
/** Of no consequence: whatever number RocksDB gave it, the object has only an epoch. */
const manifestName = manifestFileName(1)

/** One consistent state of a database, as files. */
export class BucketEnv implements Env {
  readonly localNames = []
  readonly localLocks = false
  readonly #places: Places
  readonly #state: DatabaseState
  readonly #requests: StoreMetrics
  readonly #cache: ChunkCache
  readonly #cacheBytes: number
  /** CURRENT and its like, by name. */
  readonly #small: ReadonlyMap<string, Uint8Array>
  /** Tables and blob files, by the name that RocksDB knows. */
  readonly #stored: ReadonlyMap<string, StoredFile>
  #openFiles = 0
  #isRecovering = false

  constructor(places: Places, state: DatabaseState, requests: StoreMetrics, cacheBytes: number) {
    this.#places = places
    this.#state = state
    this.#requests = requests
    this.#cache = new ChunkCache(cacheBytes)
    this.#cacheBytes = cacheBytes
    this.#small = new Map([
      ['CURRENT', Buffer.from(`${manifestName}\n`)],
      [manifestName, state.manifestBytes],
      // RocksDB only wants to find one. The true one would cost a request.
      ['IDENTITY', Buffer.from(state.manifest.dbId ?? 'unknown')],
    ])
    this.#stored = storedFiles(places, state)
  }

  /**
   * Opens the tables of level 0 of a column family, the newest first, as RocksDB does.
   * @throws EnvError what is wrong with one.
   */
  async checkLevel0(columnFamily: string): Promise<void> {
    const { columnFamilies, liveTables } = this.#state.manifest
    const tables = [...liveTables.values()]
      .filter((table) => table.level === 0 && columnFamilies.get(table.columnFamily)?.name === columnFamily)
      .sort(newestFirst)
    await checkOpenable(tables.map(({ number }) => this.#source(this.#stored.get(tableFileName(number))!)))
  }

  metrics(): BucketEnvMetrics {
    return {
      url: this.#url,
      store: this.#requests.snapshot(),
      columnFamilies: columnFamiliesOf(this.#state.manifest),
    }
  }

  async newSequentialFile(path: string): Promise<ServedReadableFile> {
    if (basename(path) === manifestName) this.#isRecovering = true
    return this.#open(path)
  }

  /**
   * Between the MANIFEST and a look for write-ahead logs, RocksDB opens two tables, whichever they are, and goes on
   * without them (`paranoid_checks=false`): two requests, or four, that most reads don't need.
   */
  async newRandomAccessFile(path: string): Promise<ServedReadableFile> {
    if (!this.#isRecovering) return this.#open(path)
    throw new EnvError('IOError', `${basename(path)} is not opened before it is read`)
  }

  /** RocksDB tells its story in an info log wherever it can: here nobody listens. Anything else is not to be written. */
  async newWritableFile(path: string): Promise<ServedWritableFile> {
    if (parseFileName(basename(path)).kind === 'infoLog') return discarded
    throw this.#refusal(`write ${basename(path)}`)
  }

  async reopenWritableFile(path: string): Promise<ServedWritableFile> {
    return this.newWritableFile(path)
  }

  async fsyncDirectory(): Promise<DirectorySync> {
    return { localPath: undefined }
  }

  async fileExists(path: string): Promise<void> {
    if (path !== bucketDirectory) this.#sizeOf(path)
  }

  async getChildren(path: string): Promise<readonly string[]> {
    this.#isRecovering = false
    if (path === bucketDirectory) return [...this.#small.keys(), ...this.#stored.keys()]
    throw new EnvError('NotFound', `there is no directory ${path} in ${this.#url}`)
  }

  async getChildrenFileAttributes(path: string): Promise<readonly FileAttributes[]> {
    const names = await this.getChildren(path)
    return names.map((name) => ({ name, size: this.#sizeOf(`${path}/${name}`) }))
  }

  async deleteFile(path: string): Promise<void> {
    throw this.#refusal(`delete ${basename(path)}`)
  }

  async createDirIfMissing(path: string): Promise<void> {
    if (path !== bucketDirectory) throw this.#refusal(`create ${path}`)
  }

  async deleteDir(path: string): Promise<void> {
    throw this.#refusal(`delete ${path}`)
  }

  async getFileSize(path: string): Promise<number> {
    return this.#sizeOf(path)
  }

  /** Nothing that RocksDB decides by, and not worth a request. */
  async getFileModificationTime(path: string): Promise<number> {
    this.#sizeOf(path)
    return 0
  }

  async renameFile(source: string): Promise<void> {
    throw this.#refusal(`rename ${basename(source)}`)
  }

  async linkFile(source: string): Promise<void> {
    throw this.#refusal(`link ${basename(source)}`)
  }

  async lockFile(): Promise<void> {
    throw this.#refusal('open it for writing')
  }

  async unlockFile(): Promise<void> {
    throw this.#refusal('open it for writing')
  }

  async isDirectory(path: string): Promise<boolean> {
    if (path === bucketDirectory) return true
    this.#sizeOf(path)
    return false
  }

  async getFreeSpace(): Promise<number> {
    return 0
  }

  async close(): Promise<void> {
    for (const { store } of this.#places) store.close()
  }

  get #url(): string {
    return databaseUrl(this.#places[0])
  }

  #open(path: string): ServedReadableFile {
    const { small, stored } = this.#find(path)
    return small ? new ServedBytes(small) : this.#reader(stored)
  }

  #reader(file: StoredFile): ServedReadableFile {
    const readAhead = new ReadAhead(chunkBytes)
    let isOpen = true
    this.#openFiles += 1
    return {
      kind: 'served',
      read: (offset, length) => {
        // What is fetched ahead for one reader must not push out what another one has not read yet.
        const share = Math.min(maxReadAheadBytes, this.#cacheBytes / (2 * this.#openFiles))
        return this.#cache.read(file, offset, length, readAhead.around(offset, length, share))
      },
      close: () => {
        if (isOpen) this.#openFiles -= 1
        isOpen = false
      },
    }
  }

  #source(file: StoredFile): RangedSource {
    return {
      get name() {
        return file.url
      },
      size: file.size,
      read: (offset, length) => this.#cache.read(file, offset, length),
    }
  }

  #sizeOf(path: string): number {
    const { small, stored } = this.#find(path)
    return small ? small.length : stored.size
  }

  #find(path: string): Found {
    const name = basename(path)
    if (dirname(path) === bucketDirectory) {
      const small = this.#small.get(name)
      if (small) return { small }
      const stored = this.#stored.get(name)
      if (stored) return { stored }
    }
    throw new EnvError('NotFound', `there is no ${name} in the state of ${this.#url} that is read`)
  }

  #refusal(action: string): EnvError {
    return new EnvError('NotSupported', `can't ${action}: ${this.#url} is only read here, never written`)
  }
}

type Found =
  | { readonly small: Uint8Array; readonly stored?: undefined }
  | { readonly small?: undefined; readonly stored: StoredFile }

const discarded: ServedWritableFile = {
  kind: 'served',
  append: async () => {},
  sync: async () => {},
  truncate: async () => {},
  close: async () => {},
}

/** A live table or blob file: where it is turns out when it is first read. */
class StoredFile implements ChunkedFile {
  /** The last part of its key, with the epoch. */
  readonly name: string
  readonly size: number
  readonly #places: Places
  #found: number | undefined

  constructor(name: string, size: number, places: Places) {
    this.name = name
    this.size = size
    this.#places = places
  }

  /** Of the object: at the first place, until it was read elsewhere. */
  get url(): string {
    return objectUrl(this.#places[this.#found ?? 0]!, this.name)
  }

  async fetch(offset: number, length: number): Promise<Uint8Array> {
    for (let at = this.#found ?? 0; at < this.#places.length; at++) {
      const place = this.#places[at]!
      const object = await place.store
        .get(objectKey(place, this.name), { offset, length })
        .catch((error: unknown) => {
          if (EnvError.is(error, 'NotFound')) return undefined
          throw error
        })
      if (!object) continue
      this.#found = at
      if (object.size === this.size) return object.body
      throw new EnvError(
        'Corruption',
        `${objectUrl(place, this.name)} has ${object.size} bytes in the store instead of ${this.size}, as the MANIFEST ` +
          `says. ${bringBack}`,
      )
    }
    const places = this.#places.map((place) => objectUrl(place, this.name)).join(' and ')
    throw new EnvError(
      'Corruption',
      `${places} ${this.#places.length > 1 ? 'are' : 'is'} missing in the store, and the MANIFEST references it. ` +
        ((await cloneAdvice(this.#places)) ??
          'Where a compaction has replaced it just now, try again; otherwise bring the object back'),
    )
  }
}

function storedFiles(places: Places, { cloudManifest, manifest }: DatabaseState): Map<string, StoredFile> {
  const files = new Map<string, StoredFile>()
  const stored = (kind: 'table' | 'blob', fileNumber: number, size: number) =>
    new StoredFile(
      objectName({ kind, number: fileNumber, epoch: epochOf(cloudManifest, fileNumber) }),
      size,
      places,
    )
  for (const { number, size } of manifest.liveTables.values()) {
    files.set(tableFileName(number), stored('table', number, size))
  }
  for (const blobFile of manifest.liveBlobFiles.values()) {
    const { number } = blobFile
    files.set(blobFileName(number), stored('blob', number, blobFileSize(blobFile)))
  }
  return files
}

function columnFamiliesOf({ columnFamilies, liveTables }: Manifest): BucketColumnFamily[] {
  const levels = new Map<number, number>()
  for (const { columnFamily, level } of liveTables.values()) {
    levels.set(columnFamily, Math.max(levels.get(columnFamily) ?? 0, level + 1))
  }
  return [...columnFamilies.values()].map(({ id, name, comparator }) => ({
    name,
    comparator,
    levels: levels.get(id) ?? 0,
  }))
}
