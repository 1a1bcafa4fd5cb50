// Writes blocks as RocksDB would: keys without what they share, restart points, hash indexes, delta-encoded handles.
import type { BlockHandle } from '#src/format/block-handle.js'
import type { IndexFormat } from '#src/format/index-block.js'
import { encodeVarint } from '#src/format/varint.js'
import { u16, u32 } from './little-endian.ts'

export interface EncodedEntry {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

export interface EncodeBlockOptions {
  /** How many entries there are from one restart point to the next. */
  readonly restartInterval?: number
  /** The buckets of a hash index, whatever they hold. */
  readonly hashIndex?: Uint8Array
}

export function encodeBlock(entries: readonly EncodedEntry[], options: EncodeBlockOptions = {}): Buffer {
  return encode(entries, options, ({ value }) => [encodeVarint(value.length), value])
}

export interface EncodedIndexEntry {
  readonly key: Uint8Array
  readonly handle: BlockHandle
  readonly firstKey?: Uint8Array
}

/** With delta handles, the blocks have to be consecutive. */
export function encodeIndexBlock(
  entries: readonly EncodedIndexEntry[],
  { hasDeltaHandles }: Pick<IndexFormat, 'hasDeltaHandles'>,
  options: EncodeBlockOptions = {},
): Buffer {
  let previousSize = 0
  return encode(entries, options, ({ handle, firstKey }, isShared) => {
    const delta = handle.size - previousSize
    previousSize = handle.size
    const value = Buffer.concat([
      hasDeltaHandles && isShared
        ? encodeVarint(delta < 0 ? -2 * delta - 1 : 2 * delta)
        : Buffer.concat([encodeVarint(handle.offset), encodeVarint(handle.size)]),
      ...(firstKey ? [encodeVarint(firstKey.length), firstKey] : []),
    ])
    return hasDeltaHandles ? [Buffer.alloc(0), value] : [encodeVarint(value.length), value]
  })
}

function encode<Entry extends { readonly key: Uint8Array }>(
  entries: readonly Entry[],
  { restartInterval = 16, hashIndex }: EncodeBlockOptions,
  lengthAndValue: (entry: Entry, isShared: boolean) => readonly [length: Uint8Array, value: Uint8Array],
): Buffer {
  const pieces: Uint8Array[] = []
  const restarts: number[] = []
  let size = 0
  let previous: Uint8Array = new Uint8Array()
  for (const [at, entry] of entries.entries()) {
    const { key } = entry
    const isRestart = at % restartInterval === 0
    if (isRestart) restarts.push(size)
    const shared = isRestart ? 0 : sharedLength(previous, key)
    const [length, value] = lengthAndValue(entry, shared > 0)
    const unshared = key.subarray(shared)
    const piece = Buffer.concat([
      encodeVarint(shared),
      encodeVarint(unshared.length),
      length,
      unshared,
      value,
    ])
    pieces.push(piece)
    size += piece.length
    previous = key
  }
  if (restarts.length === 0) restarts.push(0)
  const buckets = hashIndex ? [hashIndex, u16(hashIndex.length)] : []
  const footer = u32(restarts.length + (hashIndex ? 2 ** 31 : 0))
  return Buffer.concat([...pieces, ...restarts.map(u32), ...buckets, footer])
}

function sharedLength(a: Uint8Array, b: Uint8Array): number {
  const most = Math.min(a.length, b.length)
  for (let at = 0; at < most; at++) if (a[at] !== b[at]) return at
  return most
}
