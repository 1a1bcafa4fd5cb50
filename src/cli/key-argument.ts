import { UsageError } from './usage-error.js'

/** Explanation of a key argument in a command's help. */
export const keyArgumentHelp = 'text, escaped as keys are printed, or bytes in hex as 0x…'

/**
 * Parses a key from a command line: in hex after `0x`, or as text, which stands for its UTF-8 form. In text, `\n`,
 * `\r`, `\t`, `\\`, `\xff` (a byte) and `\u{1f600}` (a character) mean the same as in printed keys.
 * @throws UsageError
 */
export function parseKey(text: string): Buffer {
  if (!text.startsWith('0x')) return textBytes(text)
  const digits = text.slice(2)
  if (/^(?:[0-9a-f]{2})*$/i.test(digits)) return Buffer.from(digits, 'hex')
  throw new UsageError(
    `expected pairs of hex digits after 0x, got ${JSON.stringify(text)}. ` +
      `A key that begins with the characters 0x is given in hex too: 0x${Buffer.from(text).toString('hex')}`,
  )
}

/** Escapes without code points above the last one, and without halves of a character. */
const escapes = /(\\(?:[nrt\\]|x[\da-fA-F]{2}|u\{(?!d[89a-fA-F]..\})(?:10[\da-fA-F]{4}|[\da-fA-F]{1,5})\}))/

function textBytes(text: string): Buffer {
  // Every second part is an escape.
  const parts = text.split(escapes)
  return Buffer.concat(parts.map((part, at) => (at % 2 === 1 ? escapedBytes(part) : plainBytes(part))))
}

function escapedBytes(text: string): Buffer {
  const [, kind] = text
  if (kind === 'x') return Buffer.from(text.slice(2), 'hex')
  if (kind === 'u') return Buffer.from(String.fromCodePoint(Number.parseInt(text.slice(3, -1), 16)))
  return Buffer.from(shortEscapes[kind!]!)
}

const shortEscapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\' }

function plainBytes(text: string): Buffer {
  if (!text.includes('\\')) return Buffer.from(text)
  throw new UsageError(
    String.raw`expected \\, \n, \r, \t, \xff or \u{202e} in a key, and no other backslash, got ${JSON.stringify(text)}. ` +
      'A backslash itself is written twice',
  )
}
