import { EnvError } from '../env/env-error.js'
import { type ChecksumType, checksumModifier, checksumTypes, loadChecksum } from './block-checksum.js'
import type { BlockHandle } from './block-handle.js'
import { blockTrailerSize, readBlockHandle } from './block-handle.js'
import { ByteReader } from './byte-reader.js'
import { corruption } from './corruption.js'

/**
 * Last bytes of a table, which lead to everything else in it.
 *
 *     format version    0                    1 to 5               6
 *                                            u8 checksum type     u8 checksum type
 *     40 bytes          metaindex and index  metaindex and index  3e 00 7a 00
 *                       handles, zeros       handles, zeros       u32 checksum of the footer without itself
 *                                                                 u32 base context checksum
 *                                                                 u32 size of the metaindex, right before the footer
 *                                                                 16 bytes that may be ignored, 8 that may not: zeros
 *                                            u32 format version   u32 format version
 *     u64               legacy magic number  magic number         magic number
 */
export interface TableFooter {
  /** Offset of the footer. */
  readonly offset: number
  readonly formatVersion: number
  readonly checksum: ChecksumType
  readonly metaindex: BlockHandle
  /** Undefined from format version 6 on, in which the metaindex has it. */
  readonly index: BlockHandle | undefined
  /** Makes a checksum depend on the location of its block; 0 below format version 6. */
  readonly baseContextChecksum: number
}

const handlesSize = 40
const magicSize = 8
const legacySize = handlesSize + magicSize
/** Longest footer of any format version. */
export const maxFooterSize = 1 + handlesSize + 4 + magicSize

const blockBasedMagic = 0x88e241b785f4cff7n
const legacyBlockBasedMagic = 0xdb4775248b80fb57n
const otherMagics: ReadonlyMap<bigint, string> = new Map([
  [0x8242229663bf9564n, 'a plain table'],
  [0x4f3418eb7a8f13b8n, 'a plain table'],
  [0x926789d0c5f17873n, 'a cuckoo table'],
])
const extendedMagic = 0x007a003e
/** Offset of the last eight of the 24 bytes of zeros, which must not have unknown contents. */
const reservedOffset = 33

/**
 * @param tail end of the file: at least {@link maxFooterSize} bytes, or all of a smaller file.
 * @param name of the file in errors; the file has `size` bytes.
 */
export async function readTableFooter(tail: Uint8Array, size: number, name: string): Promise<TableFooter> {
  const error = (reason: string) => corruption(name, Math.max(0, size - maxFooterSize), reason)
  if (tail.length < legacySize) throw error(`${tail.length} bytes are too few for a table`)
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength)
  const magic = view.getBigUint64(tail.length - magicSize, true)
  if (magic === legacyBlockBasedMagic) return legacyFooter(tail, size, name)
  if (magic !== blockBasedMagic) throw notBlockBased(magic, name, error)
  if (tail.length < maxFooterSize) throw error(`${tail.length} bytes are too few for a table`)

  const footer = tail.subarray(tail.length - maxFooterSize)
  const offset = size - maxFooterSize
  const fields = new DataView(footer.buffer, footer.byteOffset, footer.byteLength)
  const formatVersion = fields.getUint32(1 + handlesSize, true)
  if (formatVersion === 0) throw error('format version 0 is written in another form')
  if (formatVersion > 6) {
    throw new EnvError(
      'NotSupported',
      `${name} has format version ${formatVersion}; those up to 6 are understood`,
    )
  }
  const checksum = checksumTypes[footer[0]!]
  if (checksum === undefined) throw error(`checksum type ${footer[0]} is unknown`)
  const fixed = { offset, formatVersion, checksum }
  if (formatVersion < 6)
    return { ...fixed, ...readHandles(footer.subarray(1), name, offset), baseContextChecksum: 0 }
  return { ...fixed, ...(await readExtended(footer, { offset, checksum, name }, error)), index: undefined }
}

function notBlockBased(magic: bigint, name: string, error: (reason: string) => EnvError): EnvError {
  const kind = otherMagics.get(magic)
  if (kind === undefined)
    return error(`it does not end as a table does: its magic number is 0x${magic.toString(16)}`)
  return new EnvError(
    'NotSupported',
    `${name} is ${kind}, not a block-based table, which is the only kind understood`,
  )
}

function legacyFooter(tail: Uint8Array, size: number, name: string): TableFooter {
  const offset = size - legacySize
  const handles = readHandles(tail.subarray(tail.length - legacySize), name, offset)
  return { offset, formatVersion: 0, checksum: 'kCRC32c', ...handles, baseContextChecksum: 0 }
}

function readHandles(
  bytes: Uint8Array,
  name: string,
  offset: number,
): Pick<TableFooter, 'metaindex' | 'index'> {
  const reader = new ByteReader(bytes.subarray(0, handlesSize), (reason) => corruption(name, offset, reason))
  return { metaindex: readBlockHandle(reader), index: readBlockHandle(reader) }
}

async function readExtended(
  footer: Uint8Array,
  {
    offset,
    checksum,
    name,
  }: { readonly offset: number; readonly checksum: ChecksumType; readonly name: string },
  error: (reason: string) => EnvError,
): Promise<Pick<TableFooter, 'metaindex' | 'baseContextChecksum'>> {
  const view = new DataView(footer.buffer, footer.byteOffset, footer.byteLength)
  if (view.getUint32(1, true) !== extendedMagic) throw error('the footer lacks what marks format version 6')
  const baseContextChecksum = view.getUint32(9, true)
  if (baseContextChecksum === 0) throw error('the base context checksum is 0')

  const stored = view.getUint32(5, true)
  const unchecked = Uint8Array.from(footer)
  unchecked.fill(0, 5, 9)
  const compute = await loadChecksum(checksum)
  const modifier = checksumModifier(baseContextChecksum, offset)
  if (stored !== (compute(unchecked) + modifier) >>> 0) {
    throw error('the checksum of the footer does not match')
  }
  if (view.getBigUint64(reservedOffset, true) !== 0n) {
    throw new EnvError(
      'NotSupported',
      `${name} has something in its footer that only later versions of RocksDB know`,
    )
  }
  const size = view.getUint32(13, true)
  const metaindex = { offset: offset - blockTrailerSize - size, size }
  if (metaindex.offset < 0) throw error('the metaindex begins before the file does')
  return { metaindex, baseContextChecksum }
}
