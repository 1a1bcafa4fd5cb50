import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Bytes } from './bytes.js'
import { RocksDBError } from './rocksdb-error.js'

/** RocksDB's own name and text of a value, in the order in which they apply. */
export type Settings = readonly (readonly [name: string, value: string])[]

/** A column family's number, as RocksDB counts them. */
export type FamilyId = number

export type Value = Buffer | string

/** First element of an operation in {@link NativeDatabase.write}. */
export const operationKind = { put: 0, delete: 1, deleteRange: 2 } as const

/**
 * native/binding/database_object.cc. It checks no types: its callers have done so. Every promise rejects with a
 * RocksDBError.
 */
export interface NativeDatabase {
  families(): [name: string, id: FamilyId][]
  /** The value itself if it is in memory, a promise of it if it has to be read. */
  get(
    family: FamilyId,
    key: Bytes,
    utf8: boolean,
    fillCache: boolean,
    snapshot: NativeSnapshot | undefined,
  ): Value | undefined | Promise<Value | undefined>
  getSync(
    family: FamilyId,
    key: Bytes,
    utf8: boolean,
    fillCache: boolean,
    snapshot: NativeSnapshot | undefined,
  ): Value | undefined
  getMany(
    family: FamilyId,
    keys: readonly Bytes[],
    utf8: boolean,
    fillCache: boolean,
    snapshot: NativeSnapshot | undefined,
  ): Promise<(Value | undefined)[]>
  /** Four elements per operation: its kind, the column family, the key (or start), the value (or end). */
  write(
    operations: readonly (number | Bytes | undefined)[],
    sync: boolean,
    disableWal: boolean,
  ): Promise<void>
  flush(families: readonly FamilyId[], timeoutMs: number): Promise<void>
  syncWal(): Promise<void>
  compactRange(
    family: FamilyId,
    start: Bytes | undefined,
    end: Bytes | undefined,
    rewrite: boolean,
  ): Promise<void>
  getProperty(family: FamilyId, name: string): Promise<string | undefined>
  snapshot(): NativeSnapshot
  iterator(
    family: FamilyId,
    /** Inclusive. */
    lower: Bytes | undefined,
    /** Exclusive. */
    upper: Bytes | undefined,
    reverse: boolean,
    fillCache: boolean,
    snapshot: NativeSnapshot | undefined,
  ): NativeIterator
  createColumnFamily(name: string, settings: Settings): Promise<FamilyId>
  dropColumnFamily(family: FamilyId): Promise<void>
  /** Call this once, and nothing after it. */
  close(): Promise<void>
}

export interface NativeSnapshot {
  close(): void
}

/** One call at a time. */
export interface NativeIterator {
  read(maxEntries: number, maxBytes: number): Promise<Chunk>
  close(): Promise<void>
}

/** Entries one after another: the lengths are of a key, its value, the next key, its value. */
export interface Chunk {
  readonly bytes: Buffer
  readonly lengths: Uint32Array
  readonly finished: boolean
}

export interface OpenRequest {
  readonly path: string
  /** Socket of the Env host; empty for the local file system. */
  readonly socketPath: string
  readonly readOnly: boolean
  readonly onlyNamedFamilies: boolean
  readonly settings: Settings
  readonly families: readonly { readonly name: string; readonly settings: Settings }[]
}

/** Codecs that {@link Native.decompress} can undo. */
export const codec = { snappy: 0, lz4: 1, zstd: 2, bzip2: 3 } as const
export type Codec = (typeof codec)[keyof typeof codec]

interface Native {
  /** Throws a RangeError or TypeError for a bad option. */
  open(request: OpenRequest): Promise<NativeDatabase>
  listColumnFamilies(path: string, socketPath: string): Promise<string[]>
  /** Reports whether the input was good and filled the output to its last byte. Otherwise the output is useless. */
  decompress(
    codec: Codec,
    input: Uint8Array,
    output: Uint8Array,
    /** Only for LZ4 and ZSTD. */
    dictionary: Uint8Array | undefined,
  ): boolean
  /**
   * Takes the kernel's lock on an open file (`flock`), without waiting.
   * @returns 0, or the system's error number: `EWOULDBLOCK` while somebody else has the lock.
   */
  lockFile(fd: number): Promise<number>
  /**
   * Takes RocksDB's own lock on a database without opening it. Keeps other programs of RocksDB and LevelDB out, and this
   * one.
   * @param path of its file LOCK, which is created if it is missing.
   * @returns a function that unlocks it. Rejects while somebody else has the lock.
   */
  lockDatabase(path: string): Promise<() => void>
  /**
   * Takes a range out of an open file: it reads as zeros then, and needs no space.
   * @returns 0, or the system's error number: `EOPNOTSUPP` where files have no holes.
   */
  punchHole(fd: number, offset: number, length: number): Promise<number>
  /** Every option with its default in RocksDB's text form, of the database, a column family and a block-based table. */
  optionDefaults(): { readonly database: string; readonly family: string; readonly table: string }
  /** Reports whether there is such an option, of the database or of a column family. */
  hasOption(name: string): boolean
  /** Reports whether RocksDB does not even parse the value: of a text option, or a former option that does nothing. */
  takesAnyText(path: string): boolean
  /** RocksDB's numbers for the compressions that it was built with. */
  readonly supportedCompressions: readonly number[]
  /** Closes everything open, and waits for it. Nothing may be called after it. */
  shutdown(): void
  setErrorClass(errorClass: typeof RocksDBError): void
  readonly rocksdbVersion: string
}

const binary = fileURLToPath(new URL('../../build/native/cloudenv_native.node', import.meta.url))

function load(): Native {
  const advice = 'Run "npx cloudenv build", or from a checkout "npm run build".'
  if (!existsSync(binary)) {
    throw new Error(`The native part of rocksdb-cloud-env is not built: ${binary} is missing. ${advice}`)
  }
  try {
    const native = createRequire(import.meta.url)(binary) as Native
    native.setErrorClass(RocksDBError)
    return native
  } catch (cause) {
    // Perhaps built for another librocksdb than the installed one.
    throw new Error(`The native part of rocksdb-cloud-env cannot be loaded. ${advice} (${cause})`, { cause })
  }
}

export const native = load()
