import { type Bytes, checkBytes, toBuffer } from '../binding/bytes.js'

/** A range of keys, in the order of their bytes. Without a limit, a side is open. */
export interface KeyRange {
  /** From this key on. */
  readonly gte?: Bytes
  /** After this key. */
  readonly gt?: Bytes
  /** Up to this key. */
  readonly lte?: Bytes
  /** Before this key. */
  readonly lt?: Bytes
  /** Keys that begin with these bytes; with other limits, keys that satisfy all of them. */
  readonly prefix?: Bytes
}

/** The same range in RocksDB's form: `lower` included, `upper` not. */
export interface KeyBounds {
  readonly lower: Buffer | undefined
  readonly upper: Buffer | undefined
}

/** @throws TypeError for a limit that is not bytes, RangeError for two limits on one side. */
export function boundsOf(range: KeyRange): KeyBounds {
  const { gte, gt, lte, lt, prefix } = range
  for (const [name, limit] of Object.entries({ gte, gt, lte, lt, prefix })) {
    if (limit !== undefined) checkBytes(limit, `"${name}"`)
  }
  if (gte !== undefined && gt !== undefined) throw new RangeError('expected one of "gte" and "gt", got both')
  if (lte !== undefined && lt !== undefined) throw new RangeError('expected one of "lte" and "lt", got both')

  const lowest = gt !== undefined ? nextKey(toBuffer(gt)) : gte !== undefined ? toBuffer(gte) : undefined
  const highest = lte !== undefined ? nextKey(toBuffer(lte)) : lt !== undefined ? toBuffer(lt) : undefined
  if (prefix === undefined) return { lower: lowest, upper: highest }
  const first = toBuffer(prefix)
  return { lower: larger(lowest, first), upper: smaller(highest, afterPrefix(first)) }
}

/** First key after `key`. */
function nextKey(key: Buffer): Buffer {
  return Buffer.concat([key, Buffer.of(0)])
}

/** First key after all that begin with `prefix`; undefined if there is none (`0xff 0xff`, or nothing). */
function afterPrefix(prefix: Buffer): Buffer | undefined {
  let end = prefix.length
  while (end > 0 && prefix[end - 1] === 0xff) end--
  if (end === 0) return undefined
  const after = Buffer.from(prefix.subarray(0, end))
  after[end - 1]! += 1
  return after
}

function larger(a: Buffer | undefined, b: Buffer): Buffer {
  return a !== undefined && a.compare(b) > 0 ? a : b
}

function smaller(a: Buffer | undefined, b: Buffer | undefined): Buffer | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return a.compare(b) < 0 ? a : b
}
