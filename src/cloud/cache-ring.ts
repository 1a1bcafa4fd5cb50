import type { Purpose } from './cache-budget.js'
import type { CachedFile } from './cached-file.js'

/**
 * The files of a cache with bytes on disk or on their way, in the order in which the hand passes them. The hand passes over
 * files that are to stay, unless the disk needs their space.
 */
export class CacheRing {
  /** Bytes by file. */
  readonly #files = new Map<CachedFile, number>()
  #bytes = 0
  #staying: ReadonlySet<CachedFile> = new Set()

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

  /** Files that are to stay, in the ring or not. */
  get staying(): ReadonlySet<CachedFile> {
    return this.#staying
  }

  set staying(files: ReadonlySet<CachedFile>) {
    this.#staying = files
  }

  /** Reports whether the hand passes over the file. */
  isSpared(file: CachedFile, purpose: Purpose): boolean {
    return this.#spared(purpose).some((files) => files.has(file))
  }

  /** Bytes of spared files that are on the disk. */
  sparedBytes(purpose: Purpose): number {
    const files = new Set(this.#spared(purpose).flatMap((spared) => [...spared]))
    let bytes = 0
    for (const file of files) if (this.#files.has(file)) bytes += file.presentBytes
    return bytes
  }

  #spared(purpose: Purpose): ReadonlySet<CachedFile>[] {
    if (purpose.for === 'disk') return []
    return purpose.for === 'warmUp' ? [this.#staying, purpose.spared] : [this.#staying]
  }
}
