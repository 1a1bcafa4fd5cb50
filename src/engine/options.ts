import { native, type Settings } from '../binding/native.js'
import { describe } from '../options/describe.js'
import { nearestName } from '../options/nearest-name.js'
import { isRecord } from '../options/shape.js'
import { bytesOf } from '../options/size.js'
import { checkLimit, checkUsable } from './option-limits.js'
import { encodeOptionList, type OptionList, parseOptionList } from './option-list.js'
import { constantOf } from './option-words.js'

/**
 * RocksDB's options under RocksDB's own names, as in an OPTIONS file: `max_background_jobs`, `write_buffer_size`,
 * `compression: 'kZSTD'` or `'zstd'`. A nested object stands for a nested option: `block_based_table_factory: { block_size:
 * '16 KiB' }`. You can set every option that the linked RocksDB's own parser can make from text. Options that are
 * objects of a program, such as `rate_limiter` and `listeners`, and values that would end the process are refused.
 *
 * Every integer may be written as a size: `64M`, `'64 MB'`, `'64 MiB'`, in powers of 1,024.
 */
export interface RocksDBOptions {
  readonly [name: string]: OptionValue
}

export type OptionValue = string | number | boolean | RocksDBOptions

/**
 * The options as text in RocksDB's form.
 *
 * @throws TypeError for a value that is no {@link OptionValue}, or of another kind than the option.
 * @throws RangeError for an option that RocksDB doesn't have, or that can't be set, and for a value out of its limits.
 */
export function settingsOf(options: RocksDBOptions, label = 'options'): Settings {
  if (!isRecord(options)) throw new TypeError(`expected "${label}" to be an object, got ${describe(options)}`)
  return Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => {
      checkKnown(name)
      return [name, textOf(name, value)]
    })
}

function checkKnown(name: string): void {
  checkUsable(name, leafOf(name))
  if (native.hasOption(name)) {
    checkUsed(name)
    return
  }
  const nearest = nearestName(name, listedNames)
  throw new RangeError(
    `unknown option "${name}"${nearest === undefined ? '' : `, did you mean "${nearest}"?`}`,
  )
}

/** Paths, which RocksDB does not list, because they are not part of a database. */
const paths: ReadonlySet<string> = new Set(['wal_dir', 'db_log_dir'])

/** RocksDB accepts options of former versions and ignores them. */
function checkUsed(path: string): void {
  if (!samples.has(leafOf(path)) && !paths.has(path) && native.takesAnyText(path))
    throw new RangeError(
      `option "${path}" can't be set: RocksDB ${native.rocksdbVersion} ignores it. Leave it out`,
    )
}

function textOf(path: string, value: unknown): string {
  if (typeof value === 'string') return checkedText(path, value)
  if (typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value)))
    return checkedText(path, decimal(value))
  if (isRecord(value)) return encodeOptionList(checkedList(path, value))
  throw new TypeError(
    `expected option "${path}" to be a string, a finite number, a boolean or an object, got ${describe(value)}`,
  )
}

/** RocksDB's parser reads 1e+21 as 1. */
function decimal(value: number | boolean): string {
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value).toString() : String(value)
}

function checkedList(path: string, values: Readonly<Record<string, unknown>>): OptionList {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => {
      const inner = `${path}.${name}`
      checkUsable(inner, leafOf(name))
      checkUsed(inner)
      return [name, textOf(inner, value)]
    })
}

function checkedText(path: string, text: string): string {
  const list = listOf(path, text)
  if (list) return encodeOptionList(checkedList(path, Object.fromEntries(list)))
  const name = leafOf(path)
  const sample = samples.get(name)
  // A cache is a size, or an unlisted object.
  if (/^(block_cache|block_cache_compressed|row_cache)$/.test(name)) return bytesOf(text)?.toString() ?? text
  if (sample === undefined) return constantOf(name, path, text, native.supportedCompressions)
  if (/^(true|false)$/.test(sample)) return expected(path, text, 'true or false', /^(true|false|0|1)$/)
  if (/^-?\d+$/.test(sample)) {
    const integer = bytesOf(text)?.toString() ?? text
    expected(path, text, 'an integer or a size such as "64 MB"', /^-?\d+$/, integer)
    checkLimit(path, name, integer)
    return integer
  }
  if (/^-?\d+\.\d+$/.test(sample)) return expected(path, text, 'a number', /^-?\d+(\.\d*)?(e[-+]?\d+)?$/i)
  return constantOf(name, path, text, native.supportedCompressions)
}

/** RocksDB reads "1.5" and "4x" as the integers 1 and 4, so the kind of a default decides what a value must be. */
function expected(path: string, given: string, what: string, form: RegExp, text = given): string {
  if (form.test(text)) return text
  throw new TypeError(`expected option "${path}" to be ${what}, got ${describe(given)}`)
}

/** The nested options in a text, if the option has some: a path may look like a list too. */
function listOf(path: string, text: string): OptionList | undefined {
  const name = leafOf(path)
  if (/^(bottommost_)?compression_opts$/.test(name) && /^[^={}]*:/.test(text)) return compressionFields(text)
  const sample = samples.get(name)
  return sample === undefined || sample.startsWith('{') || text.trim().startsWith('{')
    ? parseOptionList(text)
    : undefined
}

/** `compression_opts` in RocksDB's older form: values in this order, separated by colons. */
function compressionFields(text: string): OptionList {
  const names = [
    'window_bits',
    'level',
    'strategy',
    'max_dict_bytes',
    'zstd_max_train_bytes',
    'parallel_threads',
    'enabled',
    'max_dict_buffer_bytes',
    'use_zstd_dict_trainer',
  ]
  return text.split(':').map((value, index) => [names[index] ?? `field_${index}`, value])
}

/** RocksDB also accepts `compression_opts.level`. */
function leafOf(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1)
}

const defaults = native.optionDefaults()
const listedNames = [
  ...(parseOptionList(defaults.database) ?? []),
  ...(parseOptionList(defaults.family) ?? []),
].map(([name]) => name)

/** A sample value of each option, including nested ones, that shows its kind. */
const samples: ReadonlyMap<string, string> = new Map(
  [
    defaults.database,
    defaults.family,
    defaults.table,
    'capacity=0;num_shard_bits=0;strict_capacity_limit=false',
  ]
    .map((text) => parseOptionList(text) ?? [])
    .flatMap(leaves),
)

function leaves(options: OptionList): [string, string][] {
  return options.flatMap(([name, value]) => [
    ...(value.startsWith('{') ? leaves(parseOptionList(value) ?? []) : []),
    [name, value] as [string, string],
  ])
}
