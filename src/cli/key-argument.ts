import { UsageError } from './usage-error.js'

/** How a command's help explains a key that it takes. */
export const keyArgumentHelp = 'text, or bytes in hex as 0x…'

/**
 * A key as it is given on a command line: text, which stands for its UTF-8 form, or bytes in hex behind `0x`. A key whose
 * text begins with `0x` is given in hex.
 * @throws UsageError
 */
export function parseKey(text: string): Buffer {
  if (!text.startsWith('0x')) return Buffer.from(text)
  const digits = text.slice(2)
  if (/^(?:[0-9a-f]{2})*$/i.test(digits)) return Buffer.from(digits, 'hex')
  throw new UsageError(
    `expected pairs of hex digits after 0x, got ${JSON.stringify(text)}. ` +
      `A key that begins with the characters 0x is given in hex too: 0x${Buffer.from(text).toString('hex')}`,
  )
}
