import { printableBytes, shortenedBytes } from './printable.js'

/** Bytes in JSON: all of them, and a readable form. */
export interface JsonBytes {
  readonly base64: string
  /** UTF-8 if the bytes are, else ASCII with `\xNN` for the rest; above 1 MiB only the two ends. Not for parsing. */
  readonly text: string
}

/** Bytes that take this form only on demand, because most are many times as long then. */
export class LazyJsonBytes implements JsonBytes {
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  get base64(): string {
    return base64(this.bytes)
  }

  get text(): string {
    return this.bytes.length > maxTextBytes
      ? shortenedBytes(this.bytes, shownLength)
      : printableBytes(this.bytes)
  }

  toJSON(): JsonBytes {
    const { base64, text } = this
    return { base64, text }
  }
}

export function jsonBytes(bytes: Uint8Array): JsonBytes {
  return new LazyJsonBytes(bytes)
}

/** A character may become 6 characters in JSON, and a byte 5. */
const maxTextBytes = 2 ** 20
const shownLength = 1_000

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
}
