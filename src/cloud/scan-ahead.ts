import type { ChunkGrid, Run } from '../table/chunk-grid.js'

/** Fetched ahead of who asks for the next for the first time. */
const minChunks = 2
/** Four requests under way keep a store busy that answers after 50 ms, at the speed at which RocksDB scans. */
const mostBytes = 16 * 1024 * 1024
/** More would push out of a small cache what is still to be read. */
const mostOfCache = 1 / 16
/** How far a reader may have come over chunks that were there. */
const maxSkippedBytes = 4 * 1024 * 1024
/** Each costs point reads, of which some happen to be neighbours. */
const maxScans = 4

/**
 * Standing of what a reader asks for: some of it has to be fetched; some is on its way, or came for a reader that was
 * expected; or the reader was told of all of it before.
 */
export type Standing = 'missing' | 'ahead' | 'told'

interface Scan {
  readonly start: number
  /** End of what it asked for last. */
  askedEnd: number
  /** End of what was fetched for it. */
  end: number
  bytes: number
}

/**
 * How far to fetch ahead of readers of one file. One that goes in order gets twice as much each time, so that it wastes no
 * more than it has read, and always has some of it under way. Going backward is not looked for: RocksDB does that for
 * reverse iterators only. Pure.
 */
export class ScanAhead {
  readonly #chunkBytes: number
  readonly #maxBytes: number
  /** RocksDB opens a file once for all who read it. The last one that asked comes first. */
  readonly #scans: Scan[] = []

  /** @param cacheBytes room that all files share. */
  constructor({ chunkBytes }: ChunkGrid, cacheBytes: number) {
    this.#chunkBytes = chunkBytes
    this.#maxBytes = Math.min(mostBytes, Math.floor((cacheBytes * mostOfCache) / chunkBytes) * chunkBytes)
  }

  /**
   * Bytes to have after `[offset, offset + length)`, which is asked for. What is there already counts.
   * @param isHeld tells of chunks that a reader could pass without asking.
   */
  after(offset: number, length: number, standing: Standing, isHeld: (run: Run) => boolean): number {
    const start = Math.floor(offset / this.#chunkBytes) * this.#chunkBytes
    const end = Math.ceil((offset + length) / this.#chunkBytes) * this.#chunkBytes
    if (standing === 'told' || this.#scans.some(({ askedEnd }) => askedEnd === end)) return 0
    const isNext =
      standing === 'ahead'
        ? (scan: Scan) => scan.askedEnd < end && end <= scan.end
        : (scan: Scan) => scan.end < end && (offset <= scan.end || this.#isPassed(scan.end, start, isHeld))
    const at = this.#scans.findIndex(isNext)
    const [scan = { start, askedEnd: end, end, bytes: 0 }] = at < 0 ? [] : this.#scans.splice(at, 1)
    this.#scans.unshift(scan)
    if (this.#scans.length > maxScans) this.#forgetOne()
    return at < 0 ? 0 : Math.max(0, this.#goOn(scan, start, end) - offset - length)
  }

  #isPassed(from: number, to: number, isHeld: (run: Run) => boolean): boolean {
    return (
      to - from <= maxSkippedBytes && isHeld({ first: from / this.#chunkBytes, end: to / this.#chunkBytes })
    )
  }

  /** Single reads go before scans that have begun. */
  #forgetOne(): void {
    const single = this.#scans.findLastIndex(({ bytes }) => bytes === 0)
    this.#scans.splice(single > 0 ? single : -1, 1)
  }

  /** @returns the end of what the scan is to have. */
  #goOn(scan: Scan, start: number, end: number): number {
    scan.askedEnd = end
    const more = Math.max(scan.bytes * 2, end - start)
    const bytes = Math.min(
      Math.max(minChunks * this.#chunkBytes, Math.min(more, end - scan.start)),
      this.#maxBytes,
    )
    // Small requests would cost as much as large ones.
    if (end + bytes - scan.end < bytes / 4) return end
    scan.bytes = bytes
    scan.end = end + bytes
    return scan.end
  }
}
