import { LRUCache } from 'lru-cache'
import { type Clock, systemClock } from '../env/clock.js'
import { ChunkGrid, type Run } from './chunk-grid.js'
import type { Surroundings } from './read-ahead.js'
import { Refetches } from './refetches.js'

/** A block is 4 to 16 KiB: its neighbours come without extra latency. */
export const chunkBytes = 64 * 1024
const grid = new ChunkGrid(chunkBytes)

/** A file of a known size; any range of it can be fetched. */
export interface ChunkedFile {
  /** Distinguishes it from the other files of the same cache. */
  readonly name: string
  /** Bytes. */
  readonly size: number
  fetch(offset: number, length: number): Promise<Uint8Array>
}

/**
 * Parts of files, in memory alone. Missing chunks are fetched once however many readers ask (single flight), neighbours
 * in one request. A full cache drops the least recently used chunks first.
 */
export class ChunkCache {
  readonly #chunks: LRUCache<string, Uint8Array>
  readonly #inFlight = new Map<string, Promise<Uint8Array>>()
  /** Refetches by the name of the file. */
  readonly #refetches = new Map<string, Refetches>()
  readonly #clock: Clock

  constructor(maxBytes: number, clock: Clock = systemClock) {
    this.#clock = clock
    this.#chunks = new LRUCache({ maxSize: maxBytes, sizeCalculation: (chunk) => chunk.length })
  }

  /**
   * Reads the range, cut at the end of the file.
   * @param around bytes to fetch along with it: nobody waits for them, and their failures are ignored.
   */
  async read(
    file: ChunkedFile,
    offset: number,
    length: number,
    around: Surroundings = { before: 0, after: 0 },
  ): Promise<Uint8Array> {
    const end = Math.min(offset + length, file.size)
    if (offset >= end) return new Uint8Array(0)
    const range = grid.chunksOf(offset, end - offset)
    const start = Math.max(offset - around.before, 0)
    const surrounding = grid.chunksOf(start, Math.min(end + around.after, file.size) - start)
    const isMissing = (chunk: number) => this.#present(keyOf(file, chunk)) === undefined
    for (const run of grid.wantedRuns(surrounding, isMissing)) this.#startFetch(file, run)
    const wanted: (Uint8Array | Promise<Uint8Array>)[] = []
    for (let chunk = range.first; chunk < range.end; chunk++) wanted.push(this.#present(keyOf(file, chunk))!)
    const chunks = await Promise.all(wanted)
    const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
    const from = range.first * chunkBytes
    return bytes.subarray(offset - from, end - from)
  }

  /**
   * Fetches a damaged range again, once however many readers found the damage, and the end of the file with it, because
   * the footer has no checksum of its own. A length of 0 stands for the whole file.
   * @param ageMs time since the start of the read that met the damage.
   * @returns true if the store sent other bytes than the cache held.
   */
  async refetch(file: ChunkedFile, offset: number, length: number, ageMs: number): Promise<boolean> {
    const refetches = this.#refetches.get(file.name) ?? new Refetches(this.#clock)
    this.#refetches.set(file.name, refetches)
    const ofFile = grid.chunksOf(0, file.size)
    const { first, end } = length === 0 ? ofFile : grid.chunksOf(offset, length)
    return refetches.once(first, end, ageMs, async () => {
      const held = new Map<number, Uint8Array>()
      for (let chunk = 0; chunk < ofFile.end; chunk++) {
        const bytes = this.#chunks.peek(keyOf(file, chunk))
        const isWanted = (first <= chunk && chunk < end) || chunk === ofFile.end - 1
        if (bytes && isWanted) held.set(chunk, bytes)
      }
      for (const chunk of held.keys()) this.#chunks.delete(keyOf(file, chunk))
      const others = [...held].map(async ([chunk, bytes]) => {
        const start = chunk * chunkBytes
        return !Buffer.from(await this.read(file, start, bytes.length)).equals(bytes)
      })
      return (await Promise.all(others)).includes(true)
    })
  }

  #present(key: string): Uint8Array | Promise<Uint8Array> | undefined {
    return this.#chunks.get(key) ?? this.#inFlight.get(key)
  }

  #startFetch(file: ChunkedFile, run: Run): void {
    const { offset, length } = grid.bytesOf(run, file.size)
    const fetching = file.fetch(offset, length)
    for (let chunk = run.first; chunk < run.end; chunk++) {
      const key = keyOf(file, chunk)
      const arriving = fetching.then((bytes) => {
        const start = chunk * chunkBytes - offset
        // A copy: a view would keep the memory of the whole run for as long as one of its chunks is used. The slice()
        // of a Buffer is a view.
        return Uint8Array.prototype.slice.call(bytes, start, start + chunkBytes)
      })
      this.#inFlight.set(key, arriving)
      arriving
        .then((bytes) => this.#chunks.set(key, bytes))
        // Readers that wait for the chunk get the error.
        .catch(() => undefined)
        .finally(() => this.#inFlight.delete(key))
    }
  }
}

function keyOf(file: ChunkedFile, chunk: number): string {
  return `${chunk} ${file.name}`
}
