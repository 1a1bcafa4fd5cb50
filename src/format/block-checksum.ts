import type { EnvError } from '../env/env-error.js'
import { crc32c, maskCrc } from './crc32c.js'

/** Checksums of a table's blocks, named as in RocksDB's `checksum` option, in the order of its `enum ChecksumType`. */
export const checksumTypes = ['kNoChecksum', 'kCRC32c', 'kxxHash', 'kxxHash64', 'kXXH3'] as const
export type ChecksumType = (typeof checksumTypes)[number]

/** Checksum of these bytes, the last of which follows the block and says how it is compressed. */
export type ChecksumFunction = (bytes: Uint8Array) => number

/** Computes the same checksum of bytes that come in pieces. */
export interface RunningChecksum {
  /** Starts over. */
  init(): void
  update(piece: Uint8Array): void
  /** Checksum of everything since init(); call init() before reuse. */
  digest(): number
}

/**
 * Loads the code that computes the checksum. It is 0 for `kNoChecksum`, to which {@link checksumModifier} is added as
 * to any other.
 */
export async function loadChecksum(type: ChecksumType): Promise<ChecksumFunction> {
  const running = await loadRunningChecksum(type)
  return (bytes) => {
    running.init()
    running.update(bytes)
    return running.digest()
  }
}

/** Loads the same for pieces. Each result serves one sequence of pieces at a time. */
export async function loadRunningChecksum(type: ChecksumType): Promise<RunningChecksum> {
  switch (type) {
    case 'kNoChecksum':
      return zero
    case 'kCRC32c':
      return new RunningCrc()
    case 'kxxHash':
      return lowest32(await (await import('hash-wasm')).createXXHash32())
    case 'kxxHash64':
      return lowest32(await (await import('hash-wasm')).createXXHash64())
    case 'kXXH3':
      return new LastByteMixed(lowest32(await (await import('hash-wasm')).createXXHash3()))
  }
}

const zero: RunningChecksum = {
  init() {},
  update() {},
  digest: () => 0,
}

class RunningCrc implements RunningChecksum {
  #crc = 0

  init(): void {
    this.#crc = 0
  }

  update(piece: Uint8Array): void {
    this.#crc = crc32c(piece, this.#crc)
  }

  digest(): number {
    return maskCrc(this.#crc)
  }
}

interface Hasher {
  init(): unknown
  update(bytes: Uint8Array): unknown
  digest(format: 'binary'): Uint8Array
}

/** The digest is big-endian. */
function lowest32(hasher: Hasher): RunningChecksum {
  return {
    init() {
      hasher.init()
    },
    update(piece) {
      hasher.update(piece)
    },
    digest() {
      const digest = hasher.digest('binary')
      return new DataView(digest.buffer, digest.byteOffset + digest.byteLength - 4, 4).getUint32(0)
    },
  }
}

/** RocksDB mixes in the last byte by itself, for speed: `ModifyChecksumForLastByte` in table/format.cc. */
const lastBytePrime = 0x6b9083d9

class LastByteMixed implements RunningChecksum {
  readonly #others: RunningChecksum
  #last: number | undefined

  constructor(others: RunningChecksum) {
    this.#others = others
  }

  init(): void {
    this.#others.init()
    this.#last = undefined
  }

  update(piece: Uint8Array): void {
    const last = piece.at(-1)
    if (last === undefined) return
    if (this.#last !== undefined) this.#others.update(Uint8Array.of(this.#last))
    this.#others.update(piece.subarray(0, -1))
    this.#last = last
  }

  digest(): number {
    if (this.#last === undefined) return 0
    return (this.#others.digest() ^ Math.imul(this.#last, lastBytePrime)) >>> 0
  }
}

/** Value added to a checksum, from format version 6 on, so that a block at another place or of another table fails. */
export function checksumModifier(baseContext: number, offset: number): number {
  if (baseContext === 0) return 0
  const low = offset % 2 ** 32
  const high = Math.floor(offset / 2 ** 32)
  return (baseContext ^ ((low + high) % 2 ** 32)) >>> 0
}

/**
 * Throws unless the stored checksum matches the block.
 * @param block with its trailer: one byte for the compression, then the checksum.
 */
export function checkBlock(
  block: Uint8Array,
  checksum: ChecksumFunction,
  modifier: number,
  error: (reason: string) => EnvError,
): void {
  const end = block.length - 4
  checkStored(block.subarray(end), checksum(block.subarray(0, end)), modifier, error)
}

/**
 * Does the same with a checksum that is already computed.
 * @param trailer the four bytes that store it.
 */
export function checkStored(
  trailer: Uint8Array,
  checksum: number,
  modifier: number,
  error: (reason: string) => EnvError,
): void {
  const stored = new DataView(trailer.buffer, trailer.byteOffset, 4).getUint32(0, true)
  const computed = (checksum + modifier) >>> 0
  if (stored !== computed) {
    throw error(`the checksum does not match: stored ${hex(stored)}, computed ${hex(computed)}`)
  }
}

function hex(checksum: number): string {
  return `0x${checksum.toString(16).padStart(8, '0')}`
}
