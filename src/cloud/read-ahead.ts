const minReadAheadBytes = 256 * 1024
export const maxReadAheadBytes = 4 * 1024 * 1024

/** What is worth fetching along with a range that is read: so many bytes before it, and so many behind it. */
export interface Surroundings {
  readonly before: number
  readonly after: number
}

const nothing: Surroundings = { before: 0, after: 0 }

/** How much more to fetch than a reader asks for: the more, the longer it goes through a file in order. Pure. */
export class ReadAhead {
  readonly #chunkBytes: number
  /** What was last asked for, read-ahead included: one who goes through the file in order misses next at an end of it. */
  #windowStart = 0
  #windowEnd = -1
  #bytes = 0

  /** @param chunkBytes what is fetched comes in multiples of it. */
  constructor(chunkBytes: number) {
    this.#chunkBytes = chunkBytes
  }

  /** What is worth fetching around `[offset, offset + length)`, which is read now. */
  around(offset: number, length: number, maxBytes = maxReadAheadBytes): Surroundings {
    const end = offset + length
    const startsWithin = offset >= this.#windowStart && offset <= this.#windowEnd
    const endsWithin = end >= this.#windowStart && end <= this.#windowEnd
    // Within what was asked for before: nothing new is learned about the reader.
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
