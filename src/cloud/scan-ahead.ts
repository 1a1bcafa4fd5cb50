import { chunkBytes } from '../table/chunk-runs.js'

const minBytes = 128 * 1024
/** Four requests under way keep a store busy that answers after 50 ms, at the speed at which RocksDB scans. */
const mostBytes = 16 * 1024 * 1024
/** More would push out of a small cache what is still to be read. */
const mostOfCache = 1 / 16
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
  readonly #maxBytes: number
  /** RocksDB opens a file once for all who read it. The last one that asked comes first. */
  readonly #scans: Scan[] = []

  /** @param cacheBytes room that all files share. */
  constructor(cacheBytes: number) {
    this.#maxBytes = Math.min(mostBytes, Math.floor((cacheBytes * mostOfCache) / chunkBytes) * chunkBytes)
  }

  /** Bytes to have after `[offset, offset + length)`, which is asked for. What is there already counts. */
  after(offset: number, length: number, standing: Standing): number {
    const start = Math.floor(offset / chunkBytes) * chunkBytes
    const end = Math.ceil((offset + length) / chunkBytes) * chunkBytes
    if (standing === 'told' || this.#scans.some(({ askedEnd }) => askedEnd === end)) return 0
    const isNext =
      standing === 'ahead'
        ? (scan: Scan) => scan.askedEnd < end && end <= scan.end
        : (scan: Scan) => offset <= scan.end && scan.end < end
    const at = this.#scans.findIndex(isNext)
    const [scan = { start, askedEnd: end, end, bytes: 0 }] = at < 0 ? [] : this.#scans.splice(at, 1)
    this.#scans.unshift(scan)
    this.#scans.length = Math.min(this.#scans.length, maxScans)
    return at < 0 ? 0 : Math.max(0, this.#goOn(scan, start, end) - offset - length)
  }

  /** @returns the end of what the scan is to have. */
  #goOn(scan: Scan, start: number, end: number): number {
    scan.askedEnd = end
    const more = Math.max(scan.bytes * 2, end - start)
    const bytes = Math.min(Math.max(minBytes, Math.min(more, end - scan.start)), this.#maxBytes)
    // Small requests would cost as much as large ones.
    if (end + bytes - scan.end < bytes / 4) return end
    scan.bytes = bytes
    scan.end = end + bytes
    return scan.end
  }
}
