import { printableBytes, shortenedBytes, unprintable } from './text.js'

/** How bytes look in JSON: all of them, and something to look at. */
export interface JsonBytes {
  readonly base64: string
  /** UTF-8 where they are, else ASCII with `\xNN` for the rest; of more than 1 MiB the two ends alone. Not to be parsed. */
  readonly text: string
}

/** Bytes that look so only when they are asked how: most are many times as long then. */
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

/** A character may become 6 of them in JSON, and a byte 5. */
const maxTextBytes = 2 ** 20
const shownLength = 1_000

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
}

/**
 * One JSON document, without a line break. A bigint becomes a string of its digits, a Date an ISO 8601 string in UTC.
 * What a terminal would act upon is escaped as JSON does it, and so is the same to programs.
 */
export function jsonLine(value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part))
  return escapedInJson(text)
}

/** JSON on one line, with everything escaped that a terminal would act upon. */
export function escapedInJson(json: string): string {
  return json.replace(unprintable, (character) => character.split('').map(escapedUnit).join(''))
}

function escapedUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}
