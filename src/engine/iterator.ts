import type { Chunk, NativeIterator } from '../binding/native.js'
import { RocksDBError } from '../binding/rocksdb-error.js'
import type { Decode } from './encoding.js'
import { called } from './native-call.js'

/** A chunk is read in one go on another thread: about a RocksDB block's worth of work a time slice. */
const maxChunkBytes = 64 * 1024

/**
 * The first read is small, for callers that want only the first few entries; each later one takes four times as many.
 */
const firstChunkEntries = 16
const maxChunkEntries = 4096

export type Entry<Key, Value> = [key: Key, value: Value]

interface IteratorParts<Key, Value> {
  readonly native: NativeIterator
  readonly limit: number
  readonly decodeKey: Decode<Key>
  readonly decodeValue: Decode<Value>
  /** Called once, when the iterator is closed. */
  readonly onClose: () => void
}

/**
 * The entries of a range, as they were when the iterator was made. Reads on other threads, a chunk at a time. Its
 * Buffers share their chunk's memory (64 KiB or one entry, whichever is more), so copy those that you keep for long.
 *
 * It closes at its end, when a `for await` loop is left, and with its database. Otherwise close it: an open iterator
 * keeps files on disk that a compaction has replaced.
 *
 * @example
 * ```ts
 * for await (const [key, value] of db.iterator({ prefix: 'order/', keyEncoding: 'utf8' })) {
 *   console.log(key, value.length)
 * }
 * ```
 */
export class EntryIterator<Key, Value> implements AsyncIterableIterator<Entry<Key, Value>> {
  readonly #native: NativeIterator
  readonly #decodeKey: Decode<Key>
  readonly #decodeValue: Decode<Value>
  readonly #onClose: () => void
  #remaining: number
  #chunkEntries = firstChunkEntries
  #chunk: Chunk = { bytes: Buffer.alloc(0), lengths: new Uint32Array(0), finished: false }
  #nextEntry = 0
  #nextByte = 0
  #reading: Promise<void> | undefined
  #closing: Promise<void> | undefined

  /** @internal Use {@link RocksDB.iterator}. */
  constructor(parts: IteratorParts<Key, Value>) {
    this.#native = parts.native
    this.#remaining = parts.limit
    this.#decodeKey = parts.decodeKey
    this.#decodeValue = parts.decodeValue
    this.#onClose = parts.onClose
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /**
   * The next entry. `for await` calls it.
   *
   * @throws RocksDBError `Closed` if the iterator was closed before its end.
   */
  next(): Promise<IteratorResult<Entry<Key, Value>, undefined>> {
    const entry = this.#take()
    return entry ? Promise.resolve({ done: false, value: entry }) : this.#readNext()
  }

  /**
   * All entries at hand, or those of the next read if there are none; empty at the end. The fastest way through a large
   * range.
   *
   * @example
   * ```ts
   * const iterator = db.iterator()
   * for (let entries = await iterator.nextBatch(); entries.length > 0; entries = await iterator.nextBatch()) {
   *   count += entries.length
   * }
   * ```
   */
  async nextBatch(): Promise<Entry<Key, Value>[]> {
    const first = await this.next()
    if (first.done) return []
    const batch = [first.value]
    for (let entry = this.#take(); entry; entry = this.#take()) batch.push(entry)
    return batch
  }

  /** `for await` calls it when the loop is left early. */
  async return(): Promise<IteratorResult<Entry<Key, Value>, undefined>> {
    await this.close()
    return { done: true, value: undefined }
  }

  /**
   * Frees the resources of the iterator. May be called again.
   *
   * @example
   * ```ts
   * const iterator = db.iterator({ reverse: true })
   * const newest = await iterator.next()
   * await iterator.close()
   * ```
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#onClose()
    await called(this.#native.close())
  }

  get #ended(): boolean {
    return this.#remaining === 0 || (this.#chunk.finished && this.#nextEntry === this.#chunk.lengths.length)
  }

  async #readNext(): Promise<IteratorResult<Entry<Key, Value>, undefined>> {
    for (;;) {
      const entry = this.#take()
      if (entry) return { done: false, value: entry }
      if (this.#ended) {
        await this.close()
        return { done: true, value: undefined }
      }
      this.#reading ??= this.#read()
      await this.#reading
    }
  }

  async #read(): Promise<void> {
    try {
      if (this.#closing) throw new RocksDBError('Closed', 'the iterator is closed')
      this.#chunk = await called(
        this.#native.read(Math.min(this.#chunkEntries, this.#remaining), maxChunkBytes),
      )
      this.#nextEntry = 0
      this.#nextByte = 0
      this.#chunkEntries = Math.min(this.#chunkEntries * 4, maxChunkEntries)
    } finally {
      this.#reading = undefined
    }
  }

  #take(): Entry<Key, Value> | undefined {
    const { bytes, lengths } = this.#chunk
    if (this.#nextEntry === lengths.length || this.#closing || this.#remaining === 0) return undefined
    const keyStart = this.#nextByte
    const valueStart = keyStart + lengths[this.#nextEntry]!
    const end = valueStart + lengths[this.#nextEntry + 1]!
    this.#nextEntry += 2
    this.#nextByte = end
    this.#remaining -= 1
    return [this.#decodeKey(bytes, keyStart, valueStart), this.#decodeValue(bytes, valueStart, end)]
  }
}
