import { describe } from '../options/describe.js'

/** A key or a value: bytes as they are, or a string, which stands for its UTF-8 form. */
export type Bytes = Uint8Array | string

export function checkBytes(value: unknown, what: string): asserts value is Bytes {
  if (typeof value === 'string' || value instanceof Uint8Array) return
  throw new TypeError(`expected ${what} to be a string or a Uint8Array, got ${describe(value)}`)
}

/** Bytes as a Buffer over the same memory; a string as a new one. */
export function toBuffer(bytes: Bytes): Buffer {
  if (typeof bytes === 'string') return Buffer.from(bytes)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
