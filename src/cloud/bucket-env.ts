import { basename, dirname } from 'node:path/posix'
import { databaseUrl, type Places } from '../catalog/database-place.js'
import { findState } from '../catalog/find-state.js'
import { type InheritedFamily, inheritedFamilies } from '../catalog/inherited-family.js'
import type { Manifest } from '../catalog/manifest.js'
import { newestFirst } from '../catalog/newest-first.js'
import { openInspected } from '../catalog/open-places.js'
import { readState } from '../catalog/read-state.js'
import { damagedInStoreMessage } from '../catalog/repair-advice.js'
import { locationsOf } from '../catalog/rooted-places.js'
import { type OpenPlace, type RecordedSource, withSources } from '../catalog/sources.js'
import type {
  DirectorySync,
  Env,
  FileAttributes,
  Refetched,
  ServedReadableFile,
  ServedWritableFile,
} from '../env/env.js'
import { EnvError } from '../env/env-error.js'
import type { StateSelector } from '../env/state-selector.js'
import type { CloudManifest } from '../format/cloud-manifest.js'
import { manifestFileName, parseFileName, tableFileName } from '../format/file-name.js'
import type { StoreOptions } from '../store/registry.js'
import { type StoreCounts, StoreMetrics } from '../store/store-metrics.js'
import { checkOpenable } from '../table/check-openable.js'
import { ChunkCache, chunkBytes } from '../table/chunk-cache.js'
import type { RangedSource } from '../table/ranged-source.js'
import { maxReadAheadBytes, ReadAhead } from '../table/read-ahead.js'
import { bucketDirectory } from './bucket-directory.js'
import { type BucketFile, bucketFiles } from './bucket-file.js'
import { ServedBytes } from './served-bytes.js'

export interface BucketEnvOptions {
  /** URL of the database: its objects lie directly below it. */
  readonly url: string
  /** URL of the database that this one was cloned from, where files missing at `url` are looked up. */
  readonly source?: string
  /** Names the CLOUDMANIFEST. Default: the plain one. */
  readonly cookie?: string
  /** Selects a state that the database had. Default: the present one. */
  readonly at?: StateSelector
  readonly connection?: StoreOptions
  /** Connection to the store of `source`, and of recorded sources on other servers. Default: `connection`. */
  readonly sourceConnection?: StoreOptions
  /**
   * Name of a column family that will be iterated. RocksDB opens all its level-0 tables for an iterator; if one of them
   * cannot be opened, RocksDB 7.8 frees an iterator twice, and the process ends. So the Env opens them first and
   * reports the error. Otherwise this costs no extra request: fetched bytes are held for RocksDB.
   */
  readonly iterated?: string
  /** Memory for parts of tables. Default 32 MiB. */
  readonly cacheBytes?: number
}

export interface BucketEnvMetrics {
  /** URL of the database, as errors name it. */
  readonly url: string
  /** Since the Env was started, of the store and of the source. */
  readonly store: StoreCounts
  readonly columnFamilies: readonly InheritedFamily[]
}

/**
 * Makes an Env that holds one database of a bucket, to be opened read-only, without a local disk: files are served from
 * memory, tables by ranged GETs. Nothing is ever written to the store.
 * @throws EnvError NotFound: there is no database, or no such state; Corruption: its MANIFEST, or a table that {@link BucketEnvOptions.iterated}
 *   has opened, cannot be read.
 */
export async function createBucketEnv(options: BucketEnvOptions): Promise<BucketEnv> {
  const { url, source, cookie = '', at, iterated, cacheBytes = defaultCacheBytes } = options
  const { connection = {}, sourceConnection } = options
  const requests = new StoreMetrics()
  const locations = locationsOf(url, source, connection, sourceConnection)
  const { places, openPlace, close } = await openInspected(locations, { onRequest: requests.record })
  try {
    const state = await stateOf(places, cookie, at, openPlace)
    const all = await withSources(places, state.sources, openPlace)
    const env = new BucketEnv({ places: all, state, requests, cacheBytes, close })
    if (iterated !== undefined) await env.checkLevel0(iterated)
    return env
  } catch (error) {
    await close()
    throw error
  }
}

interface DatabaseState {
  readonly cloudManifest: CloudManifest
  readonly manifest: Manifest
  readonly manifestBytes: Uint8Array
  readonly sources: readonly RecordedSource[]
}

async function stateOf(
  places: Places,
  cookie: string,
  at: StateSelector | undefined,
  openPlace: OpenPlace,
): Promise<DatabaseState> {
  if (at !== undefined) return findState(places, cookie, at, openPlace)
  const state = await readState(places, cookie)
  const { cloudManifest, manifest, manifestBytes, sources, problems } = state
  if (cloudManifest && manifest && manifestBytes) return { cloudManifest, manifest, manifestBytes, sources }
  const [problem] = problems
  const message = problem?.message ?? `${state.cloudManifestObject} cannot be read`
  throw new EnvError(state.cloudManifestModified === undefined ? 'NotFound' : 'Corruption', message)
}

const defaultCacheBytes = 32 * 1024 * 1024
/** Arbitrary number: the name of the stored object has only an epoch. */
const manifestName = manifestFileName(1)

interface BucketEnvParts {
  readonly places: Places
  readonly state: DatabaseState
  readonly requests: StoreMetrics
  readonly cacheBytes: number
  /** Closes the stores. */
  readonly close: () => Promise<void>
}

/** One consistent state of a database, as files. */
export class BucketEnv implements Env {
  readonly localNames = []
  readonly localLocks = false
  readonly #places: Places
  readonly #state: DatabaseState
  readonly #requests: StoreMetrics
  readonly #cache: ChunkCache
  readonly #cacheBytes: number
  readonly #closeStores: () => Promise<void>
  /** CURRENT and its like, by name. */
  readonly #small: ReadonlyMap<string, Uint8Array>
  /** Tables and blob files, by the name that RocksDB knows. */
  readonly #stored: ReadonlyMap<string, BucketFile>
  #openFiles = 0
  #isRecovering = false

  constructor({ places, state, requests, cacheBytes, close }: BucketEnvParts) {
    this.#places = places
    this.#state = state
    this.#requests = requests
    this.#cache = new ChunkCache(cacheBytes)
    this.#cacheBytes = cacheBytes
    this.#closeStores = close
    this.#small = new Map([
      ['CURRENT', Buffer.from(`${manifestName}\n`)],
      [manifestName, state.manifestBytes],
      // RocksDB only needs to find one. The real one would cost a request.
      ['IDENTITY', Buffer.from(state.manifest.dbId ?? 'unknown')],
    ])
    this.#stored = bucketFiles(places, state)
  }

  /**
   * Opens the tables of level 0 of a column family, the newest first, as RocksDB does.
   * @throws EnvError that says what is wrong with one.
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
      columnFamilies: inheritedFamilies(this.#state.manifest),
    }
  }

  async newSequentialFile(path: string): Promise<ServedReadableFile> {
    if (basename(path) === manifestName) this.#isRecovering = true
    return this.#open(path)
  }

  /**
   * Between reading the MANIFEST and looking for write-ahead logs, RocksDB opens two arbitrary tables, and goes on
   * without them (`paranoid_checks=false`). Refusing saves two requests, or four, that most reads don't need.
   */
  async newRandomAccessFile(path: string): Promise<ServedReadableFile> {
    if (!this.#isRecovering) return this.#open(path)
    throw new EnvError('IOError', `${basename(path)} is not opened before it is read`)
  }

  /** Discards the info log, which RocksDB writes wherever it can. Refuses any other file. */
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

  /** Always 0: RocksDB decides nothing by this time, so it is not worth a request. */
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

  async refetch(path: string, offset: number, length: number, ageMs: number): Promise<Refetched> {
    const { stored } = this.#find(path)
    if (!stored) return { isOther: false, advice: '' }
    const isOther = await this.#cache.refetch(stored, offset, length, ageMs)
    return { isOther, advice: damagedInStoreMessage(stored.url, this.#url) }
  }

  async close(): Promise<void> {
    await this.#closeStores()
  }

  get #url(): string {
    return databaseUrl(this.#places[0])
  }

  #open(path: string): ServedReadableFile {
    const { small, stored } = this.#find(path)
    return small ? new ServedBytes(small) : this.#reader(stored)
  }

  #reader(file: BucketFile): ServedReadableFile {
    const readAhead = new ReadAhead(chunkBytes)
    let isOpen = true
    this.#openFiles += 1
    return {
      kind: 'served',
      read: (offset, length) => {
        // Read-ahead for one reader must not push out chunks that another one has not read yet.
        const share = Math.min(maxReadAheadBytes, this.#cacheBytes / (2 * this.#openFiles))
        return this.#cache.read(file, offset, length, readAhead.around(offset, length, share))
      },
      close: () => {
        if (isOpen) this.#openFiles -= 1
        isOpen = false
      },
    }
  }

  #source(file: BucketFile): RangedSource {
    return {
      get name() {
        return file.url
      },
      size: file.size,
      read: (offset, length) => this.#cache.read(file, offset, length),
      forget: async () => {
        await this.#cache.refetch(file, 0, 0, 0)
      },
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
  | { readonly small?: undefined; readonly stored: BucketFile }

const discarded: ServedWritableFile = {
  kind: 'served',
  append: async () => {},
  sync: async () => {},
  truncate: async () => {},
  close: async () => {},
}
