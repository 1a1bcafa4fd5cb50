// The local file system, except for tables: those are sparse files, fetched chunk by chunk into copies that the test may
// evict at any time.
import {
  closeSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { LocalCopy, ReadableFile, Refetched, SparseFile } from '#src/env/env.js'
import { PosixEnv } from '#src/env/posix-env.js'

const chunkBytes = 4096
const headerBytes = 64

export class SparseEnv extends PosixEnv {
  readonly files: TableFile[] = []
  /** The path of each. */
  readonly refetched: string[] = []
  readonly #cache: string
  readonly #behaviour: SparseBehaviour

  /** The copies are made in the directory `cache`. */
  constructor(cache: string, behaviour: SparseBehaviour = {}) {
    super()
    this.#cache = cache
    this.#behaviour = behaviour
  }

  override async newRandomAccessFile(path: string): Promise<never> {
    return (await this.#open(path)) as never
  }

  override async newSequentialFile(path: string): Promise<never> {
    return (await this.#open(path)) as never
  }

  async #open(path: string): Promise<ReadableFile> {
    if (!path.endsWith('.sst')) return { kind: 'local', path }
    const size = await this.getFileSize(path)
    const copy = join(this.#cache, String(this.files.length))
    const file = new TableFile(path, size, copy, this.#behaviour)
    this.files.push(file)
    return file
  }

  async refetch(path: string): Promise<Refetched> {
    this.refetched.push(path)
    for (const file of this.files) if (file.source === path) file.evict()
    return { isOther: true, advice: '' }
  }

  get ensured(): number {
    return this.files.reduce((sum, file) => sum + file.ensured.length, 0)
  }
}

export interface SparseBehaviour {
  /** Everything is there when the file is opened. */
  readonly present?: boolean
  /** `ensure` answers with the bytes and keeps nothing. */
  readonly serveBytes?: boolean
  readonly beforeEnsure?: (file: TableFile) => Promise<void>
  /** Called once the range is present, before the answer. */
  readonly onEnsured?: (file: TableFile) => unknown
}

export class TableFile implements SparseFile {
  readonly kind = 'sparse'
  readonly source: string
  readonly size: number
  readonly ensured: (readonly [offset: number, length: number])[] = []
  /** Generations released by a client that still had the file open. */
  readonly releases: number[] = []
  /** Counted by the test. */
  ensuring = 0
  closed = false
  /** Number of chunks that the client had marked as used when it closed the file. */
  usedChunks = 0
  onEvicted: ((copy: LocalCopy) => void) | undefined
  readonly #sourceFile: number
  readonly #path: string
  readonly #behaviour: SparseBehaviour
  #generation = 0
  #removals = 0
  #copy:
    | { readonly data: number; readonly map: number; readonly bits: Buffer; readonly location: LocalCopy }
    | undefined

  constructor(source: string, size: number, path: string, behaviour: SparseBehaviour) {
    this.source = source
    this.#sourceFile = openSync(source, 'r')
    this.size = size
    this.#path = path
    this.#behaviour = behaviour
    if (behaviour.present) this.#fetch(0, size)
  }

  get generation(): number {
    return this.#generation
  }

  location(): LocalCopy | undefined {
    return this.#copy?.location
  }

  async ensure(offset: number, length: number): Promise<LocalCopy | Uint8Array> {
    this.ensured.push([offset, length])
    await this.#behaviour.beforeEnsure?.(this)
    if (this.#behaviour.serveBytes) return this.#read(offset, length)
    const location = this.#fetch(offset, length)
    this.#behaviour.onEnsured?.(this)
    return location
  }

  evict(): void {
    const copy = this.#copy
    if (copy === undefined) return
    this.#copy = undefined
    closeSync(copy.data)
    closeSync(copy.map)
    rmSync(copy.location.path)
    rmSync(copy.location.chunkMapPath!)
    this.onEvicted?.(copy.location)
  }

  /** Takes the first chunks out of the copy: their bits, then the count of removals, then the bytes. */
  remove(chunks: number): void {
    const { data, map, bits } = this.#copy!
    for (let chunk = 0; chunk < chunks; chunk++) bits[chunk >> 3]! &= ~(1 << (chunk & 7))
    writeSync(map, bits, 0, bits.length, headerBytes)
    this.#removals += 1
    writeSync(map, Uint32Array.of(this.#removals), 0, 4, 24)
    writeSync(data, Buffer.alloc(chunks * chunkBytes), 0, chunks * chunkBytes, 0)
  }

  /** Removes the bytes of the copy, whose map still has them as present. */
  cut(): void {
    if (this.#copy !== undefined) truncateSync(this.#copy.location.path, 0)
  }

  released(copy: LocalCopy): void {
    // The host no longer listens once the client has closed the file.
    if (this.onEvicted !== undefined) this.releases.push(copy.generation)
  }

  close(): void {
    this.closed = true
    if (this.#copy !== undefined)
      this.usedChunks = marksIn(this.#copy.location.chunkMapPath!, this.#copy.bits)
    this.evict()
    closeSync(this.#sourceFile)
  }

  #fetch(offset: number, length: number): LocalCopy {
    this.#copy ??= this.#create()
    const { data, map, bits, location } = this.#copy
    const first = Math.floor(offset / chunkBytes)
    const end = Math.ceil((offset + length) / chunkBytes)
    const bytes = this.#read(first * chunkBytes, (end - first) * chunkBytes)
    writeSync(data, bytes, 0, bytes.length, first * chunkBytes)
    for (let chunk = first; chunk < end; chunk++) bits[chunk >> 3]! |= 1 << (chunk & 7)
    writeSync(map, bits, 0, bits.length, headerBytes)
    return location
  }

  #create() {
    const generation = ++this.#generation
    const path = `${this.#path}-${generation}`
    const chunkMapPath = `${path}.map`
    const data = openSync(path, 'w')
    ftruncateSync(data, this.size)
    const map = openSync(chunkMapPath, 'w')
    const header = Buffer.alloc(headerBytes)
    header.write('CHUNKMAP')
    header.writeUInt32LE(2, 8)
    header.writeUInt32LE(chunkBytes, 12)
    header.writeBigUInt64LE(BigInt(this.size), 16)
    const chunks = Math.ceil(this.size / chunkBytes)
    const bits = Buffer.alloc(Math.ceil(chunks / 8))
    writeSync(map, Buffer.concat([header, bits, Buffer.alloc(chunks)]))
    return { data, map, bits, location: { generation, path, chunkMapPath } }
  }

  #read(offset: number, length: number): Buffer {
    const bytes = Buffer.alloc(length)
    return bytes.subarray(0, readSync(this.#sourceFile, bytes, 0, length, offset))
  }
}

function marksIn(mapPath: string, bits: Buffer): number {
  return readFileSync(mapPath)
    .subarray(headerBytes + bits.length)
    .reduce((sum, mark) => sum + mark, 0)
}
