import { isUtf8 } from 'node:buffer'

/**
 * Turns bytes into text, different bytes into different text. In bytes that are not UTF-8, each that is not ASCII
 * becomes a lone surrogate, for example `0xff` U+DCFF, which no UTF-8 has: see {@link isText}.
 */
export function exactText(bytes: Uint8Array): string {
  if (bytes.length === 0) return ''
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (isUtf8(buffer)) return buffer.toString()
  return buffer
    .toString('latin1')
    .replace(notAscii, (byte) => String.fromCharCode(0xdc00 + byte.charCodeAt(0)))
}

const notAscii = /[\u0080-\u00ff]/g

/** Reports whether the bytes of {@link exactText} were UTF-8. */
export function isText(text: string): boolean {
  return !/\p{Cs}/u.test(text)
}
