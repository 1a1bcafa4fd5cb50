import { chunkBytes } from '../table/chunk-runs.js'

const minBytes = 256 * 1024
/** Four requests under way keep a store busy that answers after 50 ms, at the speed at which RocksDB scans. */
const mostBytes = 16 * 1024 * 1024
/** More would push out of a small cache what is still to be read. */
const mostOfCache = 1 / 16

/**
 * Standing of what a reader asks for: it has to be fetched; it is on its way, or came for a reader that was expected; or
 * that reader was told of it already.
 */
export type Standing = 'missing' | 'ahead' | 'told'

/**
 * How far to fetch ahead of a reader. One that goes through a file in order gets twice as much each time, so that it wastes
 * no more than it has read, and always has some of it under way. Going backward is not looked for: RocksDB does that for
 * reverse iterators only. Pure.
 */
export class ScanAhead {
  /** End of what the reader asked for last. */
  #askedEnd = -1
  /** End of what was fetched for it. */
  #end = -1
  #bytes = 0
  readonly #maxBytes: number

  /** @param cacheBytes room that all files share. */
  constructor(cacheBytes: number) {
    this.#maxBytes = Math.min(mostBytes, Math.floor((cacheBytes * mostOfCache) / chunkBytes) * chunkBytes)
  }

  /** Bytes to have after `[offset, offset + length)`, which is asked for. What is there already counts. */
  after(offset: number, length: number, standing: Standing): number {
    const end = chunkEnd(offset + length)
    if (standing === 'told' || end === this.#askedEnd) return 0
    const isInOrder =
      standing === 'ahead' ? end > this.#askedEnd && end <= this.#end : offset <= this.#end && end > this.#end
    this.#askedEnd = end
    if (!isInOrder) {
      this.#bytes = 0
      this.#end = end
      return 0
    }
    const bytes = Math.min(Math.max(this.#bytes * 2, minBytes), this.#maxBytes)
    // Small requests would cost as much as large ones.
    if (end + bytes - this.#end < bytes / 4) return 0
    this.#bytes = bytes
    this.#end = end + bytes
    return this.#end - offset - length
  }
}

function chunkEnd(position: number): number {
  return Math.ceil(position / chunkBytes) * chunkBytes
}
