import { LRUCache } from 'lru-cache'
import type { Surroundings } from '../cloud/read-ahead.js'

/** A miss costs a request of some milliseconds whatever its size below some 100 KiB: as in the cache on disk. */
export const chunkBytes = 64 * 1024

/** Larger ranges are fetched as several requests at once. */
const maxRequestBytes = 4 * 1024 * 1024

/** A file of a known size, of which any range can be fetched. */
export interface ChunkedFile {
  /** Tells it from the other files of the same cache. */
  readonly name: string
  /** Bytes. */
  readonly size: number
  fetch(offset: number, length: number): Promise<Uint8Array>
}

/**
 * Parts of files, in memory alone. Missing chunks are fetched once however many ask (single flight), neighbours in
 * one request. When it is full, the chunks that nobody has asked for longest go first.
 */
export class ChunkCache {
  readonly #chunks: LRUCache<string, Uint8Array>
  readonly #inFlight = new Map<string, Promise<Uint8Array>>()

  constructor(maxBytes: number) {
    this.#chunks = new LRUCache({ maxSize: maxBytes, sizeCalculation: (chunk) => chunk.length })
  }

  /**
   * The range, cut at the end of the file.
   * @param around what to fetch along with it: nobody waits for that, and nobody hears of its failure.
   */
  async read(
    file: ChunkedFile,
    offset: number,
    length: number,
    around: Surroundings = { before: 0, after: 0 },
  ): Promise<Uint8Array> {
    const end = Math.min(offset + length, file.size)
    if (offset >= end) return new Uint8Array(0)
    const first = Math.floor(offset / chunkBytes)
    const lastOfRange = chunkAt(end)
    const firstAround = Math.floor(Math.max(offset - around.before, 0) / chunkBytes)
    const lastAround = chunkAt(Math.min(end + around.after, file.size))
    for (const run of this.#missing(file, firstAround, lastAround)) this.#startFetch(file, run)
    const wanted: (Uint8Array | Promise<Uint8Array>)[] = []
    for (let chunk = first; chunk <= lastOfRange; chunk++) wanted.push(this.#present(keyOf(file, chunk))!)
    const chunks = await Promise.all(wanted)
    const start = offset - first * chunkBytes
    const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
    return bytes.subarray(start, start + end - offset)
  }

  #present(key: string): Uint8Array | Promise<Uint8Array> | undefined {
    return this.#chunks.get(key) ?? this.#inFlight.get(key)
  }

  /** Runs of chunks, both ends inclusive, that are neither here nor on their way. */
  #missing(file: ChunkedFile, first: number, last: number): Run[] {
    const runs: Run[] = []
    for (let chunk = first; chunk <= last; chunk++) {
      if (this.#present(keyOf(file, chunk)) !== undefined) continue
      const run = runs.at(-1)
      if (run?.last === chunk - 1 && chunk - run.first < maxRequestBytes / chunkBytes) run.last = chunk
      else runs.push({ first: chunk, last: chunk })
    }
    return runs
  }

  #startFetch(file: ChunkedFile, { first, last }: Run): void {
    const offset = first * chunkBytes
    const fetching = file.fetch(offset, Math.min((last + 1) * chunkBytes, file.size) - offset)
    for (let chunk = first; chunk <= last; chunk++) {
      const key = keyOf(file, chunk)
      const arriving = fetching.then((bytes) => {
        const start = (chunk - first) * chunkBytes
        // A copy: a view would keep the memory of the whole run for as long as one of its chunks is used. Of a Buffer,
        // its own slice() is a view.
        return Uint8Array.prototype.slice.call(bytes, start, start + chunkBytes)
      })
      this.#inFlight.set(key, arriving)
      arriving
        .then((bytes) => this.#chunks.set(key, bytes))
        // Whoever waits for the chunk hears of the failure.
        .catch(() => undefined)
        .finally(() => this.#inFlight.delete(key))
    }
  }
}

interface Run {
  readonly first: number
  last: number
}

/** The chunk with the last byte of what ends before `end`. */
function chunkAt(end: number): number {
  return Math.ceil(end / chunkBytes) - 1
}

function keyOf(file: ChunkedFile, chunk: number): string {
  return `${chunk} ${file.name}`
}
