import { type Clock, sleep } from '../env/clock.js'
import type { CachedFile } from './cached-file.js'
import type { FileCache } from './file-cache.js'
import type { LevelRange } from './level-range.js'
import { warmUp } from './warm-up.js'

/** A table of the present state of a database. */
export interface LevelTable {
  readonly level: number
  readonly size: number
  /** Its local side. */
  cached(): CachedFile
}

/** Share of the cache that pinned tables may take: the rest is for everything else that is read. */
const maxShare = 1 / 2
/** Pause before another try, by which the store or other users of the disk may give way. */
const retryMs = 10_000

/**
 * The tables that stay in the cache, those of some levels: fetches them in the background, upper
 * levels first, whenever a database has another state. Tables without room among them are left to
 * the reads, like those of other levels.
 */
export class PinnedLevels {
  readonly #levels: LevelRange
  readonly #cache: FileCache
  readonly #clock: Clock
  /** Tables to pin by the directory of their database. */
  readonly #tables = new Map<string, readonly LevelTable[]>()
  /** The last state of each database. */
  readonly #states = new Map<string, ReadTables>()
  #abort = new AbortController()
  /** Never rejects. */
  #work: Promise<unknown> = Promise.resolve()

  constructor(levels: LevelRange, cache: FileCache, clock: Clock) {
    this.#levels = levels
    this.#cache = cache
    this.#clock = clock
  }

  /**
   * The database in `directory` has another state.
   * @param read reads its tables, in the order in which they serve reads best.
   */
  changed(directory: string, read: ReadTables): void {
    this.#states.set(directory, read)
    this.#next(async () => {
      // One that has changed again meanwhile has its turn later.
      if (this.#states.get(directory) !== read) return
      const { first, last } = this.#levels
      const tables = await read()
      if (this.#states.get(directory) !== read) return
      this.#tables.set(
        directory,
        tables.filter(({ level }) => first <= level && level <= last),
      )
    })
  }

  /** The database is closed: its tables may leave. */
  closed(directory: string): void {
    if (this.#states.delete(directory)) this.#next(async () => void this.#tables.delete(directory))
  }

  /** Ends all fetches. Resolves once none is under way. */
  async close(): Promise<void> {
    this.#states.clear()
    this.#tables.clear()
    this.#abort.abort()
    await this.#work
  }

  /** Makes a change to the tables, then fetches what is missing, until the next change. */
  #next(change: () => Promise<void>): void {
    this.#abort.abort()
    const abort = new AbortController()
    this.#abort = abort
    this.#work = this.#work
      // A state that can't be read now is followed by the next one.
      .then(() => change().catch(() => undefined))
      .then(() => this.#fetch(this.#choose(), abort.signal))
  }

  /** Makes the tables stay for which there is room. */
  #choose(): readonly CachedFile[] {
    const tables = [...this.#tables.values()].flat().sort((a, b) => a.level - b.level)
    const pinned = new Set<CachedFile>()
    let room = this.#cache.metrics().allowedBytes * maxShare
    let overflowBytes = 0
    for (const { size, cached } of tables) {
      if (size > room) {
        overflowBytes += size
        continue
      }
      room -= size
      pinned.add(cached())
    }
    this.#cache.letStay(pinned, overflowBytes)
    return [...pinned]
  }

  async #fetch(pinned: readonly CachedFile[], signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const missing = pinned.filter((file) => !file.isRemoved && file.missingBytes(0, file.size) > 0)
      // Others make room as they do for a reader: these are read.
      const terms = { signal, purpose: { for: 'read' } } as const
      const result = await warmUp(missing, this.#clock, terms).catch(() => undefined)
      if (result?.end === 'complete') return
      await sleep(this.#clock, retryMs, signal)
    }
  }
}

type ReadTables = () => Promise<readonly LevelTable[]>
