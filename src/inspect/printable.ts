import { isUtf8 } from 'node:buffer'

/**
 * Text for people. Names, keys and values come from a bucket, and somebody who can write there must not be able to move
 * the cursor, turn the direction of the text or hide anything on the reader's terminal.
 */

/** Controls, formatting characters (bidirectional ones among them), lone surrogates, unassigned and line separators. */
export const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu

/** Escapes everything that a terminal would act upon: `\n`, `\u{202e}`. A backslash becomes `\\`. */
export function printable(text: string): string {
  return text.replaceAll('\\', '\\\\').replace(unprintable, escaped)
}

/**
 * Escapes in a message, which may quote such text, only what a terminal would act upon; the rest stays, on one line.
 */
export function printableMessage(message: string): string {
  return message.replace(unprintable, escaped)
}

function escaped(character: string): string {
  const code = character.codePointAt(0)!
  // A byte that is not UTF-8: src/format/exact-text.ts.
  if (code >= 0xdc80 && code <= 0xdcff) return byteForms[code - 0xdc00]!
  return shortEscapes[character] ?? `\\u{${code.toString(16)}}`
}

const shortEscapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

const byteForms = Array.from({ length: 256 }, (_, byte) => {
  if (byte === 0x5c) return '\\\\'
  if (byte >= 0x20 && byte < 0x7f) return String.fromCharCode(byte)
  return `\\x${byte.toString(16).padStart(2, '0')}`
})

/** Bytes as text if they are UTF-8, and otherwise with each byte that is not ASCII as `\xNN`. */
export function printableBytes(bytes: Uint8Array): string {
  if (isUtf8(bytes))
    return printable(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())
  let text = ''
  for (const byte of bytes) text += byteForms[byte]
  return text
}

/** Cuts the middle out of the text so that at most `width` characters remain. */
export function shortened(text: string, width: number): string {
  // A character has one or two units: for a text of millions of them, its ends are enough.
  const isLong = text.length > 4 * width
  const first = Array.from(isLong ? text.slice(0, 2 * width) : text)
  if (!isLong && first.length <= width) return text
  const last = isLong ? Array.from(text.slice(-2 * width)) : first
  const head = Math.ceil((width - 1) / 2)
  return `${first.slice(0, head).join('')}…${last.slice(last.length - (width - 1 - head)).join('')}`
}

/**
 * {@link printableBytes} in at most `width` characters, the middle cut out, in a time that does not depend on the
 * length. No bytes become `''`, so that there is something to see.
 */
export function shortenedBytes(bytes: Uint8Array, width: number): string {
  if (bytes.length === 0) return "''"
  // A character has at most 4 bytes: none of the others would be seen.
  const seen = 4 * width
  if (bytes.length <= 2 * seen) return shortened(printableBytes(bytes), width)
  const ends = [
    bytes.subarray(0, characterStart(bytes, seen)),
    bytes.subarray(characterStart(bytes, bytes.length - seen)),
  ]
  return shortened(ends.map(printableBytes).join(''), width)
}

/** Start of the UTF-8 character that the byte at `offset` is a part of, if it is one. */
function characterStart(bytes: Uint8Array, offset: number): number {
  let start = offset
  while (offset - start < 3 && (bytes[start]! & 0xc0) === 0x80) start -= 1
  return start
}
