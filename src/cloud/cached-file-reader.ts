import type { LocalCopy, SparseFile } from '../env/env.js'
import type { Run } from '../table/chunk-grid.js'
import type { CacheBudget } from './cache-budget.js'
import type { CachedFile } from './cached-file.js'
import { ScanAhead, type Standing } from './scan-ahead.js'

/** Chunks around those that are asked for, which are worth having with them. */
export interface WiderRange {
  readonly run: Run
  /** Purpose of the reservation: see `CacheBudget.reserve`. */
  readonly for: 'ahead' | 'spareRoom'
}

/** Chunks of a neighbourhood, unless they are larger than what one request fetches. */
const mostNeighbours = 4

/** One opening of a cached file by the bridge: what this reader is likely to want next, and what it still holds open. */
export class CachedFileReader implements SparseFile {
  readonly kind = 'sparse'
  onEvicted: ((copy: LocalCopy) => void) | undefined
  readonly #file: CachedFile
  readonly #closed: (reader: CachedFileReader) => void
  /** Callbacks by generation, called once the bridge has let go of an evicted copy. */
  readonly #lettingGo = new Map<number, () => void>()
  readonly #ahead: ScanAhead

  constructor(file: CachedFile, { maxBytes }: CacheBudget, closed: (reader: CachedFileReader) => void) {
    this.#file = file
    this.#ahead = new ScanAhead(file.grid, maxBytes)
    this.#closed = closed
  }

  get size(): number {
    return this.#file.size
  }

  location(): LocalCopy | undefined {
    return this.#file.location()
  }

  ensure(offset: number, length: number): Promise<LocalCopy | Uint8Array> {
    const standing = this.#file.standingOf(offset, length)
    return this.#file.ensure(offset, length, this.#widerRange(offset, length, standing))
  }

  /**
   * A single read fetches its own chunks until a quarter of the file is held, and its neighbourhood from then on, as
   * long as nothing has to leave for that. So little comes that nobody reads, and a file that is read all over takes
   * about twice the requests of whole neighbourhoods at most. `npm run bench -- cache` and `requests` compare.
   */
  #widerRange(offset: number, length: number, standing: Standing): WiderRange | undefined {
    const { grid } = this.#file
    const after = this.#ahead.after(offset, length, standing, (passed) => this.#file.holds(passed))
    if (after > 0) return { run: grid.chunksOf(offset, length + after), for: 'ahead' }
    const neighbours = Math.min(mostNeighbours, grid.maxRequestChunks)
    if (standing !== 'missing' || this.#file.heldBytes * neighbours < this.#file.size) return undefined
    const { first, end } = grid.chunksOf(offset, length)
    const run = {
      first: Math.floor(first / neighbours) * neighbours,
      end: Math.ceil(end / neighbours) * neighbours,
    }
    return { run, for: 'spareRoom' }
  }

  /** Notifies the bridge. `released` is called once the bridge no longer holds the copy open. */
  notifyEvicted(copy: LocalCopy, released: () => void): void {
    this.#lettingGo.set(copy.generation, released)
    if (this.onEvicted) this.onEvicted(copy)
    else this.released(copy)
  }

  released(copy: LocalCopy): void {
    this.#lettingGo.get(copy.generation)?.()
    this.#lettingGo.delete(copy.generation)
  }

  close(): void {
    for (const released of this.#lettingGo.values()) released()
    this.#lettingGo.clear()
    this.#closed(this)
  }
}

/**
 * Notifies the readers of a file, and calls `released` once neither they nor the caller need the copy any more.
 * @returns for the caller to call when it does not.
 */
export function notifyEvicted(
  readers: ReadonlySet<CachedFileReader>,
  copy: LocalCopy,
  released: () => void,
): () => void {
  let waiting = readers.size + 1
  const releasedByOne = () => {
    waiting -= 1
    if (waiting === 0) released()
  }
  for (const reader of readers) reader.notifyEvicted(copy, releasedByOne)
  return releasedByOne
}
