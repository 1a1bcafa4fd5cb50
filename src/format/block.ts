import type { EnvError } from '../env/env-error.js'
import { decodeVarint } from './varint.js'

/**
 * Block, the unit that tables are made of: entries in key order, each key stored without the prefix that it shares with
 * the previous key, except at restart points, whose offsets follow the entries.
 *
 *     entry     varint32 shared, varint32 unshared, varint32 value length; unshared bytes of the key; value
 *     …
 *     u32       offset of each restart point
 *     [u8 … u16 buckets of a hash index, and how many]
 *     u32       number of restart points, the top bit set where there is a hash index
 */
export interface BlockEntry {
  readonly key: Uint8Array
  /** A view of the block. */
  readonly value: Uint8Array
}

export interface BlockOptions {
  /** Makes the error for impossible contents; the caller knows which file and block this is. */
  readonly error: (reason: string) => EnvError
  /**
   * For indexes only: entries have no value length, and this function returns the end of the value. `at` is its offset
   * in the block, `isDelta` is true if the key shares a prefix with the key before it.
   */
  readonly valueEnd?: (block: Uint8Array, at: number, isDelta: boolean) => number
}

/** A longer block has no hash index, so the top bit counts. */
const maxBytesWithHashIndex = 65_536
const hashIndexBit = 0x8000_0000
/**
 * Keys grow out of a few bytes each, so a crafted block can hold far more bytes of keys than its own size. To reach
 * this limit, a block of 1 MiB would need keys that are on average 256 times as long as they are stored.
 */
const maxKeyBytes = 256 * 1024 * 1024

/**
 * Entries in order. Throws at the first that cannot be read, and after the last if a restart point is not the start of
 * an entry with a whole key: RocksDB looks for keys from these points on, and would not find them.
 */
export function* readBlock(block: Uint8Array, { error, valueEnd }: BlockOptions): Generator<BlockEntry> {
  const restarts = new RestartPoints(block, error)
  const end = restarts.offset
  // The first restart point has to be the beginning; otherwise none is found.
  let restart = restarts.next() === 0 ? 0 : undefined
  let key: Uint8Array = new Uint8Array()
  let at = 0
  let keyBytes = 0
  const varint = (what: string) => {
    const decoded = decodeVarint(block, at)
    if (decoded === undefined || decoded.end > end) {
      throw error(`${what} in the entry at byte ${start} of the block is cut off or too long`)
    }
    at = decoded.end
    return decoded.value
  }
  let start = 0
  while (at < end) {
    start = at
    const shared = varint('the shared length')
    const unshared = varint('the unshared length')
    const valueLength = valueEnd ? 0 : varint('the value length')
    const value = at + unshared
    if (shared > key.length || value > end || value + valueLength > end) {
      throw error(`the entry at byte ${start} of the block is longer than the block or what it shares`)
    }
    if (start === restart && shared === 0) restart = restarts.next()
    keyBytes += shared + unshared
    if (keyBytes > maxKeyBytes) throw error('its keys are longer than can be')
    key = joined(key, shared, block.subarray(at, value))
    at = valueEnd ? valueEnd(block, value, shared > 0) : value + valueLength
    if (at > end) throw error(`the value of the entry at byte ${start} of the block is cut off`)
    yield { key, value: block.subarray(value, at) }
  }
  if (end > 0) restarts.checkDone()
}

function joined(previous: Uint8Array, shared: number, unshared: Uint8Array): Uint8Array {
  if (shared === 0) return unshared
  const key = new Uint8Array(shared + unshared.length)
  key.set(previous.subarray(0, shared))
  key.set(unshared, shared)
  return key
}

/** Restart points of a block: the first has to be its first entry, and each other one has to follow the one before. */
class RestartPoints {
  /** Offset at which they begin and the entries end. */
  readonly offset: number
  readonly #view: DataView
  readonly #error: (reason: string) => EnvError
  readonly #count: number
  #taken = 0

  constructor(block: Uint8Array, error: (reason: string) => EnvError) {
    const view = new DataView(block.buffer, block.byteOffset, block.byteLength)
    let end = block.length - 4
    if (end < 0) throw error('it is too short for a block')
    const packed = view.getUint32(end, true)
    const hasHashIndex = block.length <= maxBytesWithHashIndex && packed >= hashIndexBit
    if (hasHashIndex) end -= 2 + (end >= 2 ? view.getUint16(end - 2, true) : 0)
    this.#count = hasHashIndex ? packed - hashIndexBit : packed
    this.offset = end - 4 * this.#count
    if (this.offset < 0) throw error('its restart points do not fit into it')
    this.#view = view
    this.#error = error
  }

  /** Next restart point; undefined after the last. */
  next(): number | undefined {
    const at = this.#taken
    this.#taken += 1
    return at < this.#count ? this.#view.getUint32(this.offset + 4 * at, true) : undefined
  }

  /** Throws unless all were taken and there was at least one. */
  checkDone(): void {
    if (this.#count === 0) throw this.#error('it has no restart point')
    if (this.#taken > this.#count) return
    throw this.#error(`its restart point ${this.#taken} is not the start of an entry with a whole key`)
  }
}
