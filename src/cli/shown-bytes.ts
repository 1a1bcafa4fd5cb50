import { isUtf8 } from 'node:buffer'
import { Option } from '@commander-js/extra-typings'
import { printableBytes } from '../inspect/printable.js'
import { laidOutJson } from './output/json-text.js'

/** Form of bytes for people. */
export type ShownAs = 'utf8' | 'hex' | 'json'

export const shownAsOption = new Option(
  '--as <form>',
  'how to print keys and values: utf8 (other bytes escaped), hex, or json (indents values that are JSON)',
)
  .choices(['utf8', 'hex', 'json'])
  .default('utf8')
  .conflicts('json')

/**
 * Key in a form that commands accept, which take text that begins with `0x` as hex. An empty key is `''`, as in a
 * shell, and a key of two such quotes is in hex.
 */
export function shownKey(key: Uint8Array, as: ShownAs): string {
  if (as === 'hex') return hex(key)
  const text = printableBytes(key)
  if (text === '') return emptyKey
  return text.startsWith('0x') || text === emptyKey ? hex(key) : text
}

const emptyKey = "''"

/** @param options indented: true to lay JSON out over several lines, if the value is shown as JSON. */
export function shownValue(value: Buffer, as: ShownAs, options: { readonly indented: boolean }): string {
  if (as === 'hex') return hex(value)
  const laidOut = as === 'json' && isUtf8(value) ? laidOutJson(value.toString(), options) : undefined
  return laidOut ?? printableBytes(value)
}

/** Hex as commands accept it for keys. */
function hex(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`
}
