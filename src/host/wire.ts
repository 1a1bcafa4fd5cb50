import { isUtf8 } from 'node:buffer'

/**
 * The bytes of the wire protocol: op codes, a frame writer, a frame reader and the decoder that cuts
 * a stream into frames. Pure. The format is described in docs/wire-protocol.md.
 */

/** "CENV", little endian. */
export const magic = 0x564e4543

export const protocolVersion = 3

/** Longest frame body. */
export const maxFrameBytes = 8 * 1024 * 1024

/** Most bytes that one READ, ENSURE or APPEND carries. */
export const maxTransferBytes = 4 * 1024 * 1024

export const Op = {
  hello: 1,
  newSequentialFile: 2,
  newRandomAccessFile: 3,
  newWritableFile: 4,
  reopenWritableFile: 5,
  read: 6,
  ensure: 7,
  append: 8,
  sync: 9,
  truncate: 10,
  close: 11,
  released: 12,
  fsyncDirectory: 13,
  fileExists: 14,
  getChildren: 15,
  getChildrenFileAttributes: 16,
  deleteFile: 17,
  createDirIfMissing: 18,
  deleteDir: 19,
  getFileSize: 20,
  getFileModificationTime: 21,
  renameFile: 22,
  linkFile: 23,
  lockFile: 24,
  unlockFile: 25,
  isDirectory: 26,
  getFreeSpace: 27,
  makeRoom: 28,
  refetch: 29,
  result: 128,
  error: 129,
  fenced: 130,
  evicted: 131,
} as const

export const errorCodes = {
  NotFound: 1,
  Corruption: 2,
  NotSupported: 3,
  InvalidArgument: 4,
  IOError: 5,
  IOFenced: 6,
  NoSpace: 7,
  PathNotFound: 8,
  Busy: 9,
  TimedOut: 10,
} as const

export const errorScopes = { file: 0, range: 1, fileSystem: 2 } as const

/** The other side broke the protocol. The connection cannot go on. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
}

const initialBytes = 1024

/** Encodes any number of frames into one buffer. */
export class FrameWriter {
  #buffer = Buffer.allocUnsafe(initialBytes)
  #frame = 0
  #end = 0

  /** Bytes of whole frames, including the unfinished one. */
  get length(): number {
    return this.#end
  }

  begin(op: number, id: number): this {
    this.#frame = this.#end
    return this.u32(0).u8(op).u32(id)
  }

  /** Throws if the frame is too long for the protocol; {@link abandon} it then. */
  finish(): void {
    const length = this.#end - this.#frame - 4
    if (length > maxFrameBytes)
      throw new RangeError(`expected a frame of at most ${maxFrameBytes} bytes, got ${length}`)
    this.#buffer.writeUInt32LE(length, this.#frame)
  }

  /** Drops the frame that was begun last. */
  abandon(): void {
    this.#end = this.#frame
  }

  /** The frames written since the last call. */
  take(): Buffer {
    const frames = this.#buffer.subarray(0, this.#end)
    this.#buffer = Buffer.allocUnsafe(initialBytes)
    this.#frame = this.#end = 0
    return frames
  }

  u8(value: number): this {
    const at = this.#reserve(1)
    this.#buffer.writeUInt8(value, at)
    return this
  }

  u16(value: number): this {
    const at = this.#reserve(2)
    this.#buffer.writeUInt16LE(value, at)
    return this
  }

  u32(value: number): this {
    const at = this.#reserve(4)
    this.#buffer.writeUInt32LE(value, at)
    return this
  }

  /** Only integers that a number holds exactly: up to 2^53 - 1. */
  u64(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0)
      throw new RangeError(`expected an integer from 0 to 2^53 - 1, got ${value}`)
    const at = this.#reserve(8)
    this.#buffer.writeUInt32LE(value % 2 ** 32, at)
    this.#buffer.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4)
    return this
  }

  bool(value: boolean): this {
    return this.u8(value ? 1 : 0)
  }

  string(value: string): this {
    const length = Buffer.byteLength(value)
    this.u32(length)
    const at = this.#reserve(length)
    this.#buffer.write(value, at, 'utf8')
    return this
  }

  bytes(value: Uint8Array): this {
    this.u32(value.byteLength)
    const at = this.#reserve(value.byteLength)
    this.#buffer.set(value, at)
    return this
  }

  list<T>(items: readonly T[], item: (value: T) => void): this {
    this.u32(items.length)
    for (const value of items) item(value)
    return this
  }

  #reserve(bytes: number): number {
    const at = this.#end
    const needed = at + bytes
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, 2 * this.#buffer.length))
      this.#buffer.copy(grown, 0, 0, at)
      this.#buffer = grown
    }
    this.#end = needed
    return at
  }
}

/** Decodes the body of one frame. Throws a {@link ProtocolError} for anything that does not fit. */
export class FrameReader {
  readonly op: number
  readonly id: number
  readonly #body: Buffer
  #position = 0

  constructor(body: Buffer) {
    this.#body = body
    this.op = this.u8()
    this.id = this.u32()
  }

  u8(): number {
    return this.#body[this.#take(1)]!
  }

  u16(): number {
    return this.#body.readUInt16LE(this.#take(2))
  }

  u32(): number {
    return this.#body.readUInt32LE(this.#take(4))
  }

  u64(): number {
    const at = this.#take(8)
    const value = this.#body.readUInt32LE(at + 4) * 2 ** 32 + this.#body.readUInt32LE(at)
    if (!Number.isSafeInteger(value)) throw this.#malformed('an integer beyond 2^53 - 1')
    return value
  }

  bool(): boolean {
    const value = this.u8()
    if (value > 1) throw this.#malformed(`a bool of ${value}`)
    return value === 1
  }

  string(): string {
    const bytes = this.bytes()
    if (!isUtf8(bytes)) throw this.#malformed('a string that is not UTF-8')
    return bytes.toString('utf8')
  }

  /** A view of the frame, not a copy. */
  bytes(): Buffer {
    const length = this.u32()
    const at = this.#take(length)
    return this.#body.subarray(at, at + length)
  }

  list<T>(item: () => T): T[] {
    const items: T[] = []
    for (let left = this.u32(); left > 0; left--) items.push(item())
    return items
  }

  /** Throws if bytes are left over. */
  end(): void {
    if (this.#position !== this.#body.length)
      throw this.#malformed(`${this.#body.length - this.#position} bytes more than it needs`)
  }

  #take(bytes: number): number {
    const at = this.#position
    if (bytes > this.#body.length - at) throw this.#malformed('less bytes than it needs')
    this.#position = at + bytes
    return at
  }

  #malformed(what: string): ProtocolError {
    return new ProtocolError(`a frame of op ${this.op} and ${this.#body.length} bytes has ${what}`)
  }
}

const nothing = Buffer.alloc(0)

/** Cuts a stream of bytes into frame bodies. */
export class FrameDecoder {
  /** Bytes that have arrived and were not taken yet. */
  #input: Buffer = nothing
  /** A frame whose first {@link #filled} bytes have arrived. */
  #partial: Buffer | undefined
  #filled = 0

  push(chunk: Buffer): void {
    this.#input = this.#input.length === 0 ? chunk : Buffer.concat([this.#input, chunk])
  }

  /** The next whole frame body, a view of the pushed bytes if possible; undefined if more must arrive. */
  next(): Buffer | undefined {
    if (this.#partial !== undefined) return this.#fill(this.#partial)
    if (this.#input.length < 4) return undefined
    const length = this.#input.readUInt32LE(0)
    if (length === 0 || length > maxFrameBytes)
      throw new ProtocolError(`a frame of ${length} bytes, expected 1 to ${maxFrameBytes}`)
    const end = 4 + length
    if (this.#input.length < end) {
      this.#input = this.#input.subarray(4)
      this.#partial = Buffer.allocUnsafe(length)
      return this.#fill(this.#partial)
    }
    const body = this.#input.subarray(4, end)
    this.#input = this.#input.subarray(end)
    return body
  }

  #fill(partial: Buffer): Buffer | undefined {
    const copied = this.#input.copy(partial, this.#filled)
    this.#input = this.#input.subarray(copied)
    this.#filled += copied
    if (this.#filled < partial.length) return undefined
    this.#partial = undefined
    this.#filled = 0
    return partial
  }
}
