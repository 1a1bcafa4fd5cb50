const minReadAheadBytes = 256 * 1024
export const maxReadAheadBytes = 4 * 1024 * 1024

/** How much more to fetch than a reader asks for: the more, the longer it goes through a file in order. Pure. */
export class ReadAhead {
  readonly #chunkBytes: number
  /** What was last asked for, read-ahead included: one who goes through the file in order misses next at its end. */
  #windowStart = 0
  #windowEnd = -1
  #bytes = 0

  /** @param chunkBytes what is fetched comes in multiples of it. */
  constructor(chunkBytes: number) {
    this.#chunkBytes = chunkBytes
  }

  /** The bytes worth fetching behind `[offset, offset + length)`, which is read now. */
  after(offset: number, length: number, maxBytes = maxReadAheadBytes): number {
    const end = offset + length
    // Within what was asked for before: nothing new is learned about the reader.
    if (offset >= this.#windowStart && end <= this.#windowEnd) return 0
    const isSequential = offset <= this.#windowEnd && end > this.#windowEnd && offset >= this.#windowStart
    this.#bytes = isSequential ? Math.min(Math.max(this.#bytes * 2, minReadAheadBytes), maxBytes) : 0
    this.#windowStart = offset
    this.#windowEnd = Math.ceil((end + this.#bytes) / this.#chunkBytes) * this.#chunkBytes
    return this.#bytes
  }
}
