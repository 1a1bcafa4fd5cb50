import type { EnvError } from '../env/env-error.js'
import { readBlock } from './block.js'
import { type BlockHandle, blockTrailerSize } from './block-handle.js'
import { decodeInternalKey, type InternalKey } from './internal-key.js'
import { decodeVarint } from './varint.js'

export interface IndexEntry {
  /** Key as stored: an internal key, unless the index has user keys. */
  readonly key: Uint8Array
  /** No smaller than any user key in the block, and no larger than any after it. */
  readonly userKey: Uint8Array
  readonly handle: BlockHandle
  readonly firstKey?: InternalKey
}

/** Format of a table's index blocks, from its properties. */
export interface IndexFormat {
  /** False if its keys are internal ones. */
  readonly hasUserKeys: boolean
  /**
   * True if a key that shares a prefix with the previous one has its block right after that one's: then only the
   * difference in size is stored.
   */
  readonly hasDeltaHandles: boolean
  /** True if the first key of the block follows each handle. */
  readonly hasFirstKeys: boolean
}

/** Entries of an index block, in order. The caller checks the locations of their blocks. */
export function* readIndexBlock(
  block: Uint8Array,
  { hasUserKeys, hasDeltaHandles, hasFirstKeys }: IndexFormat,
  error: (reason: string) => EnvError,
): Generator<IndexEntry> {
  let previous: BlockHandle = { offset: 0, size: 0 }
  let value: Decoded = { handle: previous, end: 0 }
  const decode = (bytes: Uint8Array, at: number, isDelta: boolean) => {
    value = decodeValue(bytes, at, isDelta && hasDeltaHandles ? previous : undefined, hasFirstKeys, error)
    return value.end
  }
  const entries = readBlock(block, hasDeltaHandles ? { error, valueEnd: decode } : { error })
  for (const entry of entries) {
    if (!hasDeltaHandles) decode(entry.value, 0, false)
    const { handle, firstKey } = value
    previous = handle
    const userKey = hasUserKeys ? entry.key : decodeInternalKey(entry.key, error).userKey
    yield {
      key: entry.key,
      userKey,
      handle,
      ...(firstKey && { firstKey: decodeInternalKey(firstKey, error) }),
    }
  }
}

interface Decoded {
  readonly handle: BlockHandle
  readonly firstKey?: Uint8Array
  readonly end: number
}

function decodeValue(
  bytes: Uint8Array,
  start: number,
  previous: BlockHandle | undefined,
  hasFirstKey: boolean,
  error: (reason: string) => EnvError,
): Decoded {
  let at = start
  const varint = () => {
    const decoded = decodeVarint(bytes, at)
    if (!decoded || decoded.value > Number.MAX_SAFE_INTEGER)
      throw error('a handle in it is cut off or too large')
    at = decoded.end
    return decoded.value
  }
  const handle = previous
    ? { offset: previous.offset + previous.size + blockTrailerSize, size: previous.size + unzigzag(varint()) }
    : { offset: varint(), size: varint() }
  if (handle.size < 0) throw error('a block in it has a size below zero')
  if (!hasFirstKey) return { handle, end: at }
  const length = varint()
  if (at + length > bytes.length) throw error('the first key of a block is cut off')
  return { handle, firstKey: bytes.subarray(at, at + length), end: at + length }
}

/** 0, -1, 1, -2, … are stored as 0, 1, 2, 3, … */
function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2
}
