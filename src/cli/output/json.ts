import { printableBytes } from './text.js'

/** How bytes look in JSON: all of them, and something to look at. */
export interface JsonBytes {
  readonly base64: string
  /** UTF-8 where they are, else ASCII with `\xNN` for the rest. Not to be parsed. */
  readonly text: string
}

export function jsonBytes(bytes: Uint8Array): JsonBytes {
  return { base64: Buffer.from(bytes).toString('base64'), text: printableBytes(bytes) }
}

/** One JSON document, without a line break. A bigint becomes a string of its digits, a Date an ISO 8601 string in UTC. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part))
}

/** Prints one JSON document in a line: {@link jsonLine}. */
export function printJson(value: unknown): void {
  console.log(jsonLine(value))
}
