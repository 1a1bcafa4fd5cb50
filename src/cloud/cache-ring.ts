import type { Purpose } from './cache-budget.js'
import type { CachedFile } from './cached-file.js'

/**
 * The files of a cache with bytes on disk or on their way, in the order in which the hand passes them. The hand passes
 * over files that are to stay, unless the disk needs their space.
 */
export class CacheRing {
  /** Files that are to stay, in the ring or not. */
  staying: ReadonlySet<CachedFile> = new Set()
  /** Bytes by file. */
  readonly #files = new Map<CachedFile, number>()
  #bytes = 0

  get size(): number {
    return this.#files.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** In order. Comes to those again that {@link pass} moves meanwhile. */
  files(): IterableIterator<CachedFile> {
    return this.#files.keys()
  }

  account(file: CachedFile, bytes: number): void {
    this.#bytes += bytes - (this.#files.get(file) ?? 0)
    if (bytes === 0) this.#files.delete(file)
    else this.#files.set(file, bytes)
  }

  /** The hand has come to the end of the file. */
  pass(file: CachedFile): void {
    const bytes = this.#files.get(file)
    if (bytes === undefined) return
    this.#files.delete(file)
    this.#files.set(file, bytes)
  }

  /** Reports whether the hand passes over the file. */
  isSpared(file: CachedFile, purpose: Purpose): boolean {
    if (purpose.for === 'disk') return false
    return this.staying.has(file) || (purpose.for === 'warmUp' && purpose.spared.has(file))
  }

  /** Bytes of spared files that are on the disk. */
  sparedBytes(purpose: Purpose): number {
    if (purpose.for === 'disk') return 0
    let bytes = 0
    const add = (file: CachedFile) => {
      if (this.#files.has(file)) bytes += file.presentBytes
    }
    this.staying.forEach(add)
    if (purpose.for === 'warmUp') for (const file of purpose.spared) if (!this.staying.has(file)) add(file)
    return bytes
  }
}
