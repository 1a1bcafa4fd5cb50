import { isUtf8 } from 'node:buffer'

/**
 * Text for people. Names, keys and values come from a bucket, and whoever can write there must not be able to move
 * the cursor, turn the direction of the text or hide anything on the terminal of who looks.
 */

/** Controls, formatting characters (bidirectional ones among them), lone surrogates, unassigned and line separators. */
export const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu

/** The text with everything escaped that a terminal would act upon: `\n`, `\u{202e}`. A backslash becomes `\\`. */
export function printable(text: string): string {
  return text.replaceAll('\\', '\\\\').replace(unprintable, escaped)
}

/** A message that may quote such text: it stays as it is, on one line, but for what a terminal would act upon. */
export function printableMessage(message: string): string {
  return message.replace(unprintable, escaped)
}

function escaped(character: string): string {
  const code = character.codePointAt(0)!
  // A byte of what is no UTF-8: src/format/exact-text.ts.
  if (code >= 0xdc80 && code <= 0xdcff) return byteForms[code - 0xdc00]!
  return shortEscapes[character] ?? `\\u{${code.toString(16)}}`
}

const shortEscapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

const byteForms = Array.from({ length: 256 }, (_, byte) => {
  if (byte === 0x5c) return '\\\\'
  if (byte >= 0x20 && byte < 0x7f) return String.fromCharCode(byte)
  return `\\x${byte.toString(16).padStart(2, '0')}`
})

/** Bytes as text where they are UTF-8, and otherwise each byte that is not ASCII as `\xNN`. */
export function printableBytes(bytes: Uint8Array): string {
  if (isUtf8(bytes))
    return printable(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())
  let text = ''
  for (const byte of bytes) text += byteForms[byte]
  return text
}

/** At most `width` characters of it, the middle left out. */
export function shortened(text: string, width: number): string {
  // A character has one or two units: of a text of millions of them, its ends are enough.
  const isLong = text.length > 4 * width
  const first = Array.from(isLong ? text.slice(0, 2 * width) : text)
  if (!isLong && first.length <= width) return text
  const last = isLong ? Array.from(text.slice(-2 * width)) : first
  const head = Math.ceil((width - 1) / 2)
  return `${first.slice(0, head).join('')}…${last.slice(last.length - (width - 1 - head)).join('')}`
}

/**
 * {@link printableBytes} of them, in at most `width` characters, the middle left out: whatever their length, it takes no
 * time. No bytes are `''`, so that there is something to see.
 */
export function shortenedBytes(bytes: Uint8Array, width: number): string {
  if (bytes.length === 0) return "''"
  // A character is of at most 4 bytes: of the others none would be seen.
  const seen = 4 * width
  if (bytes.length <= 2 * seen) return shortened(printableBytes(bytes), width)
  const ends = [
    bytes.subarray(0, characterStart(bytes, seen)),
    bytes.subarray(characterStart(bytes, bytes.length - seen)),
  ]
  return shortened(ends.map(printableBytes).join(''), width)
}

/** Where the UTF-8 character begins that the byte at `offset` is a part of, if it is one. */
function characterStart(bytes: Uint8Array, offset: number): number {
  let start = offset
  while (offset - start < 3 && (bytes[start]! & 0xc0) === 0x80) start -= 1
  return start
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** `17 B`, `4.2 KiB`, `213 MiB`: three digits at most. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  // What would be rounded up to 1024 belongs to the next unit.
  while (value >= 1023.5 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 || value >= 99.95 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`
}

/** `1,234`. */
export function formatCount(count: number | bigint): string {
  return count.toLocaleString('en')
}

/** `1 table`, `2 tables`. */
export function counted(count: number, thing: string): string {
  return `${formatCount(count)} ${thing}${count === 1 ? '' : 's'}`
}

const spans = [
  ['y', 365 * 86_400],
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const

/** How long ago: `3 h`, `12 d`. */
export function formatAge(date: Date, now = Date.now()): string {
  const seconds = Math.max(0, Math.floor((now - date.getTime()) / 1000))
  return formatSeconds(seconds)
}

/** `3 h`, `12 d`: the largest unit that fits, cut off. */
export function formatSeconds(seconds: number): string {
  const [unit, length] = spans.find(([, span]) => seconds >= span) ?? (['s', 1] as const)
  return `${Math.floor(seconds / length)} ${unit}`
}
