import type { Run } from '../table/chunk-grid.js'
import type { ChunkMap } from './chunk-map.js'
import type { Standing } from './scan-ahead.js'

/** Fetches of chunks that are under way, of one file. */
export class ChunkFetches {
  readonly #fetches = new Map<number, Promise<void>>()
  #absentBytes = 0

  /** Bytes on their way that were not there before. */
  get absentBytes(): number {
    return this.#absentBytes
  }

  get isEmpty(): boolean {
    return this.#fetches.size === 0
  }

  has(chunk: number): boolean {
    return this.#fetches.has(chunk)
  }

  /** @param map of what has come already; undefined if nothing has. */
  standingOf({ first, end }: Run, map: ChunkMap | undefined): Standing {
    let standing: Standing = 'told'
    for (let chunk = first; chunk < end; chunk++) {
      if (map?.isShown(chunk)) continue
      if (!map?.has(chunk) && !this.has(chunk)) return 'missing'
      standing = 'ahead'
    }
    return standing
  }

  /**
   * @param absentBytes those of the run that are not there yet.
   * @param ended called once the chunks have come, or have not.
   */
  add({ first, end }: Run, absentBytes: number, fetch: Promise<void>, ended: () => void): void {
    this.#absentBytes += absentBytes
    const fetching = fetch.finally(() => {
      this.#absentBytes -= absentBytes
      for (let chunk = first; chunk < end; chunk++) this.#fetches.delete(chunk)
      ended()
    })
    // Readers that wait for the chunk see the failure; read-ahead that nobody waits for may fail silently.
    fetching.catch(() => undefined)
    for (let chunk = first; chunk < end; chunk++) this.#fetches.set(chunk, fetching)
  }

  /** Waits for those chunks of a run that are on their way. Rejects if one of them does not come. */
  async settled({ first, end }: Run): Promise<void> {
    const waits = new Set<Promise<void>>()
    for (let chunk = first; chunk < end; chunk++) {
      const fetching = this.#fetches.get(chunk)
      if (fetching) waits.add(fetching)
    }
    await Promise.all(waits)
  }
}
