/** 256 KiB: a table of 64 MiB is 256 of them, and the last one wastes little. */
const chunkBytes = 256 * 1024

/** A file as a list of chunks: appending never copies existing data, and reading finds its place at once. */
export class MemoryFile {
  readonly kind = 'file'
  /** All are full, of {@link chunkBytes}, except the last, which doubles until it is. */
  readonly #chunks: Buffer[] = []
  #size = 0
  #modifiedMs = Date.now()

  /** Size in bytes. */
  get size(): number {
    return this.#size
  }

  get modifiedMs(): number {
    return this.#modifiedMs
  }

  append(bytes: Uint8Array): void {
    for (let taken = 0; taken < bytes.length; ) {
      const at = this.#size % chunkBytes
      const chunk = this.#chunkFor(at, bytes.length - taken)
      const part = bytes.subarray(taken, taken + chunk.length - at)
      chunk.set(part, at)
      taken += part.length
      this.#size += part.length
    }
    this.#modifiedMs = Date.now()
  }

  /** A view if the range lies in one chunk. Shorter than `length` only at the end of the file. */
  read(offset: number, length: number): Uint8Array {
    const end = Math.min(offset + length, this.#size)
    const parts: Buffer[] = []
    for (let position = offset; position < end; ) {
      const at = position % chunkBytes
      const part = this.#chunks[(position - at) / chunkBytes]!.subarray(at, at + end - position)
      parts.push(part)
      position += part.length
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
  }

  /** Cuts the file, or extends it with zeros. */
  truncate(size: number): void {
    if (size > this.#size) this.append(Buffer.alloc(size - this.#size))
    this.#size = size
    this.#chunks.length = Math.ceil(size / chunkBytes)
    this.#modifiedMs = Date.now()
  }

  /** The chunk that the file ends in, with room for at least one byte at `at`, and for `wanted` if possible. */
  #chunkFor(at: number, wanted: number): Buffer {
    const index = Math.floor(this.#size / chunkBytes)
    const chunk = this.#chunks[index]
    if (chunk !== undefined && chunk.length > at) return chunk
    const grown = Buffer.allocUnsafe(Math.min(chunkBytes, Math.max(2 * at, at + wanted)))
    chunk?.copy(grown)
    this.#chunks[index] = grown
    return grown
  }
}
