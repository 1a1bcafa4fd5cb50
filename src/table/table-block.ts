import { EnvError } from '../env/env-error.js'
import { type BlockHandle, blockTrailerSize } from '../format/block-handle.js'
import type { InternalKey } from '../format/internal-key.js'

export type BlockKind =
  | 'data'
  /** The whole index, or the top of one with partitions. */
  | 'index'
  | 'indexPartition'
  /** The whole filter, or the top of one with partitions. */
  | 'filter'
  | 'filterPartition'
  | 'compressionDictionary'
  | 'rangeDeletions'
  | 'properties'
  | 'metaindex'
  /** Named in the metaindex, but of an unknown kind. */
  | 'other'

export interface TableBlock extends BlockHandle {
  readonly kind: BlockKind
  /** Name in the metaindex, if it has one. */
  readonly name?: string
  /** For data blocks and partitions: a user key no smaller than any in the block, and no larger than any after it. */
  readonly upperKey?: Uint8Array
  /** Upper key of the previous block: no key in this block is smaller. Undefined for the first. */
  readonly lowerKey?: Uint8Array
  /** Both keys as the index has them: internal keys, unless it has user keys. */
  readonly indexKeys?: { readonly upper: Uint8Array; readonly lower: Uint8Array | undefined }
  /** First key of a data block, if the index has it. */
  readonly firstKey?: InternalKey
}

export interface TableEntry extends Omit<InternalKey, 'sequence'> {
  /** Undefined if only the MANIFEST has it, for an ingested table. */
  readonly sequence: bigint | undefined
  /** For a range deletion, the exclusive end of the range. */
  readonly value: Uint8Array
  /** Block that holds the entry. */
  readonly block: BlockHandle
}

export interface EntryRange {
  /** User key, inclusive, in the order of the table. */
  readonly from?: Uint8Array
  /** User key, exclusive. */
  readonly to?: Uint8Array
}

export interface DamageOptions {
  /**
   * Receives each unreadable part and the block to blame, and reading continues after it. Without it, the first damage
   * is thrown. Errors of the store are always thrown.
   */
  readonly onDamage?: (problem: EnvError, block: TableBlock) => void
}

export function endOf({ offset, size }: BlockHandle): number {
  return offset + size + blockTrailerSize
}

/** Reports damage to the listener, or throws it if there is none. */
export function damaged({ onDamage }: DamageOptions, error: unknown, block: TableBlock): void {
  if (!onDamage || !(EnvError.is(error, 'Corruption') || EnvError.is(error, 'NotSupported'))) throw error
  onDamage(error, block)
}
