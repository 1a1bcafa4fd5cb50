import type { EnvError } from '../env/env-error.js'
import { crc32c, maskCrc } from './crc32c.js'

/** How a table guards its blocks, as RocksDB's `checksum` option names it. In the order of RocksDB's `enum ChecksumType`. */
export const checksumTypes = ['kNoChecksum', 'kCRC32c', 'kxxHash', 'kxxHash64', 'kXXH3'] as const
export type ChecksumType = (typeof checksumTypes)[number]

/** The checksum of these bytes, of which the last is the byte behind a block that says how it is compressed. */
export type ChecksumFunction = (bytes: Uint8Array) => number

/** Loads what computes the checksum; undefined where nothing is to be checked. */
export async function loadChecksum(type: ChecksumType): Promise<ChecksumFunction | undefined> {
  switch (type) {
    case 'kNoChecksum':
      return undefined
    case 'kCRC32c':
      return (bytes) => maskCrc(crc32c(bytes))
    case 'kxxHash':
      return lowest32(await (await import('hash-wasm')).createXXHash32())
    case 'kxxHash64':
      return lowest32(await (await import('hash-wasm')).createXXHash64())
    case 'kXXH3': {
      const hash = lowest32(await (await import('hash-wasm')).createXXHash3())
      return (bytes) => {
        const last = bytes.length - 1
        return last < 0 ? 0 : (hash(bytes.subarray(0, last)) ^ Math.imul(bytes[last]!, lastBytePrime)) >>> 0
      }
    }
  }
}

/** RocksDB mixes the last byte in by itself, for the sake of speed: `ModifyChecksumForLastByte` in table/format.cc. */
const lastBytePrime = 0x6b9083d9

interface Hasher {
  init(): unknown
  update(bytes: Uint8Array): unknown
  digest(format: 'binary'): Uint8Array
}

/** The digest is big-endian. */
function lowest32(hasher: Hasher): ChecksumFunction {
  return (bytes) => {
    hasher.init()
    hasher.update(bytes)
    const digest = hasher.digest('binary')
    return new DataView(digest.buffer, digest.byteOffset + digest.byteLength - 4, 4).getUint32(0)
  }
}

/** What is added to a checksum so that a block at another place, or of another table, does not pass; from format version 6 on. */
export function checksumModifier(baseContext: number, offset: number): number {
  if (baseContext === 0) return 0
  const low = offset % 2 ** 32
  const high = Math.floor(offset / 2 ** 32)
  return (baseContext ^ ((low + high) % 2 ** 32)) >>> 0
}

/**
 * Throws unless the stored checksum is that of the block.
 * @param block with its trailer: one byte for the compression, then the checksum.
 */
export function checkBlock(
  block: Uint8Array,
  checksum: ChecksumFunction,
  modifier: number,
  error: (reason: string) => EnvError,
): void {
  const end = block.length - 4
  const stored = new DataView(block.buffer, block.byteOffset + end, 4).getUint32(0, true)
  const computed = (checksum(block.subarray(0, end)) + modifier) >>> 0
  if (stored !== computed) {
    throw error(`the checksum does not match: stored ${hex(stored)}, computed ${hex(computed)}`)
  }
}

function hex(checksum: number): string {
  return `0x${checksum.toString(16).padStart(8, '0')}`
}
