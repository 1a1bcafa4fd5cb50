// Checks, by name and kind and before anything is done, of each call's arguments besides keys and values.
import { isCheckpointName } from '../env/state-selector.js'
import type { HostedEnv } from '../host/hosted-env.js'
import { describe } from '../options/describe.js'
import { type Check, type Checks, flag, unchecked } from '../options/shape.js'
import type { DeleteOperation, DeleteRangeOperation, PutOperation } from './batch.js'
import type {
  CloseOptions,
  CompactRangeOptions,
  FamilyChoice,
  FlushOptions,
  GetOptions,
  IteratorOptions,
  ListOptions,
  OpenOptions,
  WriteOptions,
} from './call-options.js'
import type { Encoding } from './encoding.js'

/** The Env's class may come from another module, or be a user's own, so this checks the methods that are called. */
const hostedEnvironment: Check = (value, name) => {
  const env = value as Partial<HostedEnv> | null
  if (typeof env === 'object' && typeof env?.start === 'function' && typeof env.close === 'function') return
  throw new TypeError(
    `expected "${name}" to be an Env, as cloudEnv() and hostedEnv() make them, got ${describe(value)}`,
  )
}

/** Infinity waits as long as it takes. */
const waitMs: Check = (value, name) => {
  if (typeof value === 'number' && value >= 0) return
  throw new RangeError(
    `expected "${name}" to be a number of milliseconds, zero or more, got ${describe(value)}`,
  )
}

const state: Check = (value, name) => {
  if (value instanceof Date && !Number.isNaN(value.getTime())) return
  if (typeof value === 'bigint' && value >= 0n) return
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return
  if (typeof value === 'string' && isCheckpointName(value)) return
  throw new TypeError(
    `expected "${name}" to be a Date, a sequence number of 0 or more, or the name of a checkpoint, got ${describe(value)}`,
  )
}

const entryLimit: Check = (value, name) => {
  if (value === Number.POSITIVE_INFINITY || (Number.isInteger(value) && (value as number) >= 0)) return
  throw new RangeError(`expected "${name}" to be an integer of 0 or more, got ${describe(value)}`)
}

const family: Checks<FamilyChoice> = { columnFamily: unchecked }
const writing: Checks<WriteOptions> = { sync: flag, disableWAL: flag }
const reading = { ...family, snapshot: unchecked, fillCache: flag }

/** Checked where they are used, not here: keys, column families, snapshots, encodings and RocksDB's options. */
export const callChecks = {
  open: {
    env: hostedEnvironment,
    options: unchecked,
    columnFamilies: unchecked,
    readOnly: flag,
    at: state,
    onlyNamedFamilies: flag,
    createIfMissing: flag,
    timeoutMs: waitMs,
  } satisfies Checks<OpenOptions>,
  listColumnFamilies: { env: hostedEnvironment } satisfies Checks<ListOptions>,
  get: { ...reading, valueEncoding: unchecked } satisfies Checks<GetOptions>,
  put: { ...family, ...writing },
  delete: { ...family, ...writing },
  batch: writing,
  flush: { ...family, timeoutMs: waitMs } satisfies Checks<FlushOptions>,
  close: { flush: flag, timeoutMs: waitMs } satisfies Checks<CloseOptions>,
  compactRange: {
    ...family,
    start: unchecked,
    end: unchecked,
    rewrite: flag,
  } satisfies Checks<CompactRangeOptions>,
  getProperty: family,
  iterator: {
    ...reading,
    gte: unchecked,
    gt: unchecked,
    lte: unchecked,
    lt: unchecked,
    prefix: unchecked,
    reverse: flag,
    limit: entryLimit,
    keyEncoding: unchecked,
    valueEncoding: unchecked,
  } satisfies Checks<IteratorOptions<Encoding, Encoding>>,
}

const operation = { type: unchecked, ...family }

/** Checks by `type`. Readers of the values check those. */
export const operationChecks = {
  put: { ...operation, key: unchecked, value: unchecked } satisfies Checks<PutOperation>,
  delete: { ...operation, key: unchecked } satisfies Checks<DeleteOperation>,
  deleteRange: { ...operation, start: unchecked, end: unchecked } satisfies Checks<DeleteRangeOperation>,
}
