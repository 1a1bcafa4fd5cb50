import { isUtf8 } from 'node:buffer'
import { Option } from '@commander-js/extra-typings'
import { laidOutJson } from './output/json-text.js'
import { printableBytes } from './output/text.js'

/** How bytes look to people. */
export type ShownAs = 'utf8' | 'hex' | 'json'

export const shownAsOption = new Option(
  '--as <form>',
  'how keys and values look: utf8 (other bytes escaped), hex, or values laid out that are JSON',
)
  .choices(['utf8', 'hex', 'json'])
  .default('utf8')
  .conflicts('json')

/** In a form that commands take: as they do, text that begins with `0x` for something else. An empty one is `''`, as a shell has it. */
export function shownKey(key: Uint8Array, as: ShownAs): string {
  if (as === 'hex') return hex(key)
  const text = printableBytes(key)
  return text.startsWith('0x') ? hex(key) : text || "''"
}

/** @param options whether what is JSON is laid out over several lines, where it is shown as such. */
export function shownValue(value: Buffer, as: ShownAs, options: { readonly indented: boolean }): string {
  if (as === 'hex') return hex(value)
  const laidOut = as === 'json' && isUtf8(value) ? laidOutJson(value.toString(), options) : undefined
  return laidOut ?? printableBytes(value)
}

/** As keys are given too. */
function hex(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`
}
