import type { EnvError } from '../env/env-error.js'
import { exactText } from './exact-text.js'
import { decodeVarint, decodeVarintExactly } from './varint.js'

/**
 * Limit on a name: many times longer than any real one, and still printable. 512 MiB would not fit into a string at
 * all.
 */
export const maxTextBytes = 64 * 2 ** 10

/**
 * Reads the fields of one record in order. An unreadable field throws the error that the caller makes of a reason,
 * because only the caller knows which file and which record this is.
 */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #error: (reason: string) => EnvError
  #offset = 0

  constructor(bytes: Uint8Array, error: (reason: string) => EnvError) {
    this.#bytes = bytes
    this.#error = error
  }

  get done(): boolean {
    return this.#offset === this.#bytes.length
  }

  varint32(what: string): number {
    const value = this.#varint(what)
    if (value > 0xffff_ffff) throw this.#error(`${what} does not fit 32 bits`)
    return value
  }

  /** Every 64-bit field that matters here counts or numbers something, and so stays far below 2^53. */
  varint64(what: string): number {
    const value = this.#varint(what)
    if (value > Number.MAX_SAFE_INTEGER) throw this.#error(`${what} is beyond 2^53`)
    return value
  }

  /** For numbers that are not counts: a sequence number takes 56 bits. */
  exactVarint64(what: string): bigint {
    const decoded = decodeVarintExactly(this.#bytes, this.#offset)
    if (decoded === undefined) throw this.#error(`${what} is cut off or too long`)
    this.#offset = decoded.end
    return decoded.value
  }

  /** A length (varint32) and that many bytes; a view, not a copy. */
  prefixedBytes(what: string): Uint8Array {
    const length = this.varint32(`the length of ${what}`)
    const end = this.#offset + length
    if (end > this.#bytes.length) throw this.#error(`${what} is cut off`)
    const bytes = this.#bytes.subarray(this.#offset, end)
    this.#offset = end
    return bytes
  }

  /** See {@link exactText}. */
  prefixedText(what: string): string {
    const bytes = this.prefixedBytes(what)
    if (bytes.length > maxTextBytes)
      throw this.#error(`${what} has ${bytes.length} bytes, more than ${maxTextBytes}, the most it may have`)
    return exactText(bytes)
  }

  /** All that is left. */
  rest(): Uint8Array {
    const bytes = this.#bytes.subarray(this.#offset)
    this.#offset = this.#bytes.length
    return bytes
  }

  /** Fields that were put into a length-prefixed field of their own. */
  nested(what: string): ByteReader {
    return new ByteReader(this.prefixedBytes(what), this.#error)
  }

  fail(reason: string): EnvError {
    return this.#error(reason)
  }

  #varint(what: string): number {
    const decoded = decodeVarint(this.#bytes, this.#offset)
    if (decoded === undefined) throw this.#error(`${what} is cut off or too long`)
    this.#offset = decoded.end
    return decoded.value
  }
}
