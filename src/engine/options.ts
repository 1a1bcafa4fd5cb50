import { describe } from './bytes.js'
import type { Settings } from './native.js'

/**
 * RocksDB's options under RocksDB's own names, as in an OPTIONS file: `max_background_jobs`, `write_buffer_size`,
 * `compression: 'kZSTD'`. A nested object stands for a nested option: `block_based_table_factory: { block_size:
 * 16384 }`. Every option of the linked RocksDB works, in the forms that its own parser takes (`'64M'`).
 */
export interface RocksDBOptions {
  readonly [name: string]: OptionValue
}

export type OptionValue = string | number | boolean | RocksDBOptions

/**
 * The options as text. Whether there are such options is for RocksDB to say.
 *
 * @throws TypeError for a value that is no {@link OptionValue}.
 */
export function settingsOf(options: RocksDBOptions, label = 'options'): Settings {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`expected "${label}" to be an object, got ${describe(options)}`)
  }
  return Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, textOf(name, value)])
}

function textOf(name: string, value: OptionValue): string {
  if (typeof value === 'string' || typeof value === 'boolean') return String(value)
  if (typeof value === 'number' && Number.isFinite(value)) return String(value)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const nested = settingsOf(value, name).map(([inner, text]) => `${inner}=${text}`)
    return `{${nested.join(';')}}`
  }
  throw new TypeError(
    `expected option "${name}" to be a string, a finite number, a boolean or an object, got ${describe(value)}`,
  )
}
