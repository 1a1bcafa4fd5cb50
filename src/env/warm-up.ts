import { type Bytes, checkBytes } from '../binding/bytes.js'
import { describe } from '../options/describe.js'
import { type Check, type Checks, checkOptions, group, text } from '../options/shape.js'
import { parseSize } from '../options/size.js'
import { EnvError } from './env-error.js'

/** Part of a database that is fetched ahead of reads. Default: everything that the present state has. */
export interface WarmUpSelection {
  /** Tables of these levels alone, such as `[0, 1]`. */
  readonly levels?: readonly number[]
  /** Tables alone that may hold keys of this range, in the order of their bytes. */
  readonly range?: {
    /** First key. Default: the first one there is. */
    readonly start?: Bytes
    /** Last key. Default: the last one there is. */
    readonly end?: Bytes
  }
  /** Name of the only column family to fetch. Default: all. */
  readonly columnFamily?: string
}

export interface WarmUpOptions extends WarmUpSelection {
  /** Bytes a second to fetch at most, or a size such as `"20 MiB"`. Default: as fast as it goes. */
  readonly maxBytesPerSecond?: number | string
  /** Ends the warm-up: it rejects with the reason. What was fetched stays. */
  readonly signal?: AbortSignal
  /** Called at the start, ten times a second at most, and at the end. It must not throw. */
  readonly onProgress?: (progress: WarmUpProgress) => void
}

export interface WarmUpProgress {
  /** Files that are held whole. Those that the database dropped meanwhile count too. */
  readonly files: number
  /** Bytes of the selected files that are held, also those that were before. */
  readonly bytes: number
  readonly totalFiles: number
  readonly totalBytes: number
}

export interface WarmUpResult extends WarmUpProgress {
  /** Bytes that the warm-up fetched from the store. */
  readonly fetchedBytes: number
  /** `cacheFull`: the rest has no room beside what was fetched and what was read since. */
  readonly end: 'complete' | 'cacheFull'
}

/** Highest level that RocksDB's `num_levels` allows for. */
const maxLevel = 255

const levelList: Check = (value, name) => {
  const isLevel = (level: unknown) =>
    Number.isInteger(level) && Number(level) >= 0 && Number(level) <= maxLevel
  if (Array.isArray(value) && value.length > 0 && value.every(isLevel)) return
  throw new TypeError(`expected "${name}" to be an array of levels, such as [0, 1], got ${describe(value)}`)
}

const bytesCheck: Check = (value, name) => checkBytes(value, `"${name}"`)

const rate: Check = (value, name) => {
  if (parseSize(value, name) > 0) return
  throw new RangeError(`expected "${name}" to be more than 0, got ${describe(value)}`)
}

const abortSignal: Check = (value, name) => {
  if (value instanceof AbortSignal) return
  throw new TypeError(`expected "${name}" to be an AbortSignal, got ${describe(value)}`)
}

const listener: Check = (value, name) => {
  if (typeof value === 'function') return
  throw new TypeError(`expected "${name}" to be a function, got ${describe(value)}`)
}

const call = 'warmUp'

const checks: Checks<WarmUpOptions> = {
  levels: levelList,
  range: group<Required<WarmUpSelection>['range']>(
    { start: bytesCheck, end: bytesCheck },
    { of: call, example: "{ start: 'a', end: 'b' }" },
  ),
  columnFamily: text,
  maxBytesPerSecond: rate,
  signal: abortSignal,
  onProgress: listener,
}

/** @throws TypeError, RangeError */
export function checkWarmUpOptions(options: WarmUpOptions): void {
  checkOptions(call, options, checks)
}

/** Error of an Env without a cache. */
export function noWarmUp(): EnvError {
  return new EnvError('NotSupported', 'this Env has no cache to warm up: a cloud Env has one')
}
