import { corruption } from './corruption.js'
import { crc32c, maskCrc } from './crc32c.js'

/**
 * RocksDB's log format, the container of MANIFEST, CLOUDMANIFEST and write-ahead logs.
 *
 * A file is a sequence of blocks of 32 KiB. A record lies in one block (full) or is cut into
 * fragments (first, middle …, last), each with a header:
 *
 *     u32  masked CRC-32C of everything after the length
 *     u16  length of the payload
 *     u8   type
 *     u32  number of the log, in the recyclable types only
 *
 * The last bytes of a block are zero if no header fits.
 */
export const blockSize = 32_768
const headerSize = 7
const recyclableHeaderSize = 11

/** Types 1 to 4. Types 5 to 8 are the same in a file that was used before (a recycled log). */
const full = 1
const first = 2
const middle = 3
const last = 4
const recyclableOffset = 4

/**
 * Limit on fragments. A writer makes one per block: a record of 3 GiB. A fragment of one byte takes some 200 bytes of
 * memory.
 */
const maxFragments = 100_000

const setCompression = 9
/** Timestamp sizes (10, 11) and predecessor (130, 131): facts about a write-ahead log, not records of it. */
const recyclableNotes: ReadonlySet<number> = new Set([11, 131])
const notes: ReadonlySet<number> = new Set([10, 130, ...recyclableNotes])
/** A reader skips unknown types that have this bit set. */
const ignorableBit = 0x80

export interface LogRecord {
  /** Offsets in the file at which the record starts and ends. */
  readonly start: number
  readonly end: number
  /** A view of the file if the record lies in one piece. */
  readonly payload: Uint8Array
}

export interface ReadLogOptions {
  /** Name of the file in errors. */
  readonly name: string
  /**
   * Meaning of a file that ends in the middle of a record. `strict`: corruption. `recover`: the writer died there, so
   * the file ends before that record, as RocksDB treats a MANIFEST.
   */
  readonly tail: 'strict' | 'recover'
  /** Offset at which a record begins: earlier records are left out. Default 0. */
  readonly from?: number
}

interface Fragment {
  readonly start: number
  readonly end: number
  readonly type: number
  readonly payload: Uint8Array
}

/** Records of a log file in order. Throws Corruption, with the byte offset, at the first bad one. */
export function* readLog(bytes: Uint8Array, options: ReadLogOptions): Generator<LogRecord> {
  let pending: Fragment[] = []
  for (const fragment of fragments(bytes, options)) {
    const { start, end, type, payload } = fragment
    const begins = type === full || type === first
    // Old writers could leave an empty first fragment at the end of a block.
    if (begins && pending.some((piece) => piece.payload.length > 0)) {
      throw corruption(options.name, start, `a record begins inside the one begun at ${pending[0]!.start}`)
    }
    if (!begins && pending.length === 0) {
      throw corruption(options.name, start, 'a fragment continues no record')
    }
    if (type === full) {
      pending = []
      yield { start, end, payload }
    } else if (type === last) {
      const pieces = [...pending, fragment]
      pending = []
      yield { start: pieces[0]!.start, end, payload: Buffer.concat(pieces.map((piece) => piece.payload)) }
    } else {
      if (type === first) pending = []
      if (pending.length === maxFragments) {
        throw corruption(options.name, pending[0]!.start, `a record has more than ${maxFragments} fragments`)
      }
      pending.push(fragment)
    }
  }
  if (pending.length > 0 && options.tail === 'strict') {
    throw corruption(options.name, pending[0]!.start, 'the file ends inside this record')
  }
}

function* fragments(bytes: Uint8Array, { name, tail, from = 0 }: ReadLogOptions): Generator<Fragment> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let logNumber: number | undefined
  let at = from
  while (at < bytes.length) {
    const blockEnd = Math.min(bytes.length, (Math.floor(at / blockSize) + 1) * blockSize)
    const atTail = blockEnd === bytes.length && bytes.length % blockSize !== 0
    const truncated = (what: string) => {
      if (tail === 'strict' || !atTail) throw corruption(name, at, what)
    }

    if (blockEnd - at < headerSize) {
      if (atTail && !isZero(bytes.subarray(at))) truncated('the file ends inside a record header')
      at = blockEnd
      continue
    }
    const type = bytes[at + 6]!
    const length = view.getUint16(at + 4, true)
    if (type === 0 && length === 0) {
      // Space that was allocated ahead but never written.
      if (!isZero(bytes.subarray(at, blockEnd))) throw corruption(name, at, 'data follows zero padding')
      at = blockEnd
      continue
    }
    const recyclable = isRecyclable(type)
    const payloadStart = at + (recyclable ? recyclableHeaderSize : headerSize)
    const end = payloadStart + length
    if (end > blockEnd) {
      truncated(`a record of ${length} bytes does not fit what is left of its block`)
      return
    }
    if (view.getUint32(at, true) !== maskCrc(crc32c(bytes.subarray(at + 6, end)))) {
      // In a recycled log this may be the rest of an older record.
      if (logNumber !== undefined && tail === 'recover') return
      throw corruption(name, at, 'the checksum does not match')
    }
    if (recyclable) {
      const number = view.getUint32(at + headerSize, true)
      logNumber ??= number
      if (number !== logNumber) return // A record of the log that used this file before: the end of ours.
    }
    if (type === setCompression) throw corruption(name, at, 'compressed logs are not supported')
    if (!notes.has(type)) {
      const plainType = recyclable ? type - recyclableOffset : type
      if (plainType >= full && plainType <= last) {
        yield { start: at, end, type: plainType, payload: bytes.subarray(payloadStart, end) }
      } else if ((type & ignorableBit) === 0) {
        throw corruption(name, at, `record type ${type} is unknown`)
      }
    }
    at = end
  }
}

function isRecyclable(type: number): boolean {
  return (type > last && type <= last + recyclableOffset) || recyclableNotes.has(type)
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0)
}

/** Encodes a whole log file of these records. */
export function encodeLog(payloads: Iterable<Uint8Array>): Uint8Array {
  const pieces: Uint8Array[] = []
  let size = 0
  for (const payload of payloads) {
    for (const piece of encodeRecord(size, payload)) {
      pieces.push(piece)
      size += piece.length
    }
  }
  return Buffer.concat(pieces, size)
}

/** Appends a record to the log file. `log` must end where a record ends: cut a torn tail off first. */
export function appendRecord(log: Uint8Array, payload: Uint8Array): Uint8Array {
  return Buffer.concat([log, ...encodeRecord(log.length, payload)])
}

/** Encodes one record for a file that is `offset` bytes long. */
function* encodeRecord(offset: number, payload: Uint8Array): Generator<Uint8Array> {
  let room = blockSize - (offset % blockSize)
  let begins = true
  let rest = payload
  do {
    if (room < headerSize) {
      yield new Uint8Array(room)
      room = blockSize
    }
    const piece = rest.subarray(0, room - headerSize)
    rest = rest.subarray(piece.length)
    const ends = rest.length === 0
    yield encodeFragment(begins ? (ends ? full : first) : ends ? last : middle, piece)
    begins = false
    room = blockSize
  } while (rest.length > 0)
}

function encodeFragment(type: number, payload: Uint8Array): Uint8Array {
  const fragment = new Uint8Array(headerSize + payload.length)
  const view = new DataView(fragment.buffer)
  fragment.set(payload, headerSize)
  fragment[6] = type
  view.setUint16(4, payload.length, true)
  view.setUint32(0, maskCrc(crc32c(fragment.subarray(6))), true)
  return fragment
}
