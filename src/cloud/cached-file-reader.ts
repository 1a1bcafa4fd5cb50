import type { LocalCopy, SparseFile } from '../env/env.js'
import type { CachedFile } from './cached-file.js'
import { ScanAhead } from './scan-ahead.js'

/** One opening of a cached file by the bridge: what this reader is likely to want next, and what it still holds open. */
export class CachedFileReader implements SparseFile {
  readonly kind = 'sparse'
  onEvicted: ((copy: LocalCopy) => void) | undefined
  readonly #file: CachedFile
  readonly #closed: (reader: CachedFileReader) => void
  /** Callbacks by generation, called once the bridge has let go of an evicted copy. */
  readonly #lettingGo = new Map<number, () => void>()
  readonly #ahead: ScanAhead

  /** @param cacheBytes see {@link ScanAhead}. */
  constructor(file: CachedFile, cacheBytes: number, closed: (reader: CachedFileReader) => void) {
    this.#file = file
    this.#ahead = new ScanAhead(cacheBytes)
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
    return this.#file.ensure(offset, length, this.#ahead.after(offset, length, standing))
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
