const minReadAheadBytes = 256 * 1024
export const maxReadAheadBytes = 4 * 1024 * 1024

/** Bytes worth fetching along with a range: before it and after it. */
export interface Surroundings {
  readonly before: number
  readonly after: number
}

const nothing: Surroundings = { before: 0, after: 0 }

/** Decides how much more to fetch than a reader asks for: the longer it reads a file in order, the more. Pure. */
export class ReadAhead {
  readonly #chunkBytes: number
  /**
   * Last requested range, including read-ahead: a reader that goes through the file in order misses next at one of its
   * ends.
   */
  #windowStart = 0
  #windowEnd = -1
  #bytes = 0

  /** @param chunkBytes all fetched ranges are multiples of it. */
  constructor(chunkBytes: number) {
    this.#chunkBytes = chunkBytes
  }

  /** Bytes worth fetching around `[offset, offset + length)`, which is being read. */
  around(offset: number, length: number, maxBytes = maxReadAheadBytes): Surroundings {
    const end = offset + length
    const startsWithin = offset >= this.#windowStart && offset <= this.#windowEnd
    const endsWithin = end >= this.#windowStart && end <= this.#windowEnd
    // The range lies within the last one: nothing new is learned about the reader.
    if (startsWithin && endsWithin) return nothing
    const isSequential = startsWithin || endsWithin
    this.#bytes = isSequential ? Math.min(Math.max(this.#bytes * 2, minReadAheadBytes), maxBytes) : 0
    const around = endsWithin
      ? { before: Math.min(this.#bytes, offset), after: 0 }
      : { before: 0, after: this.#bytes }
    this.#windowStart = Math.floor((offset - around.before) / this.#chunkBytes) * this.#chunkBytes
    this.#windowEnd = Math.ceil((end + around.after) / this.#chunkBytes) * this.#chunkBytes
    return around
  }
}
