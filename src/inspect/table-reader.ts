import type { DatabasePlace } from '../cloud/database-place.js'
import { EnvError } from '../env/env-error.js'
import type { BlockHandle } from '../format/block-handle.js'
import type { InternalKey } from '../format/internal-key.js'
import type { TableFooter } from '../format/table-footer.js'
import type { TableProperties } from '../format/table-properties.js'

/** Something of a known size that is read piece by piece. */
export interface RangedSource {
  /** As errors name it. */
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** Exactly these bytes; Corruption where the end comes earlier. */
  read(offset: number, length: number): Promise<Uint8Array>
}

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
  /** Named in the metaindex, and of no kind that is known here. */
  | 'other'

export interface TableBlock extends BlockHandle {
  readonly kind: BlockKind
  /** Of what the metaindex names: the name. */
  readonly name?: string
  /** Of a data block and of a partition: a user key that is no smaller than any in it, nor larger than any behind it. */
  readonly upperKey?: Uint8Array
}

/** A block as it is after its checksum held and it was decompressed. */
export interface BlockContents {
  readonly bytes: Uint8Array
  /** As the block's trailer says it, for example `Snappy` or `NoCompression`. */
  readonly compression: string
}

export interface TableEntry extends InternalKey {
  /** Of a range deletion the end of the range, exclusive. */
  readonly value: Uint8Array
  /** Where the block with it lies. */
  readonly block: BlockHandle
}

export interface EntryRange {
  /** User key, inclusive. Compared by bytes. */
  readonly from?: Uint8Array
  /** User key, exclusive. */
  readonly to?: Uint8Array
}

export interface DamageOptions {
  /** Is told what cannot be read, and reading goes on behind it. Without it, the first damage is an error. */
  readonly onDamage?: (problem: EnvError, block: TableBlock) => void
}

/**
 * A table, read by ranges and trusting nothing in it: every method rejects with Corruption, the name and the byte
 * offset, where a length or place in it cannot be; no more than 64 MiB is ever taken for one block.
 */
export class TableReader {
  readonly source: RangedSource
  readonly footer: TableFooter
  readonly properties: TableProperties
  /** Where the metaindex says that things are, by the names that it has for them. */
  readonly metaindex: ReadonlyMap<string, BlockHandle>

  private constructor(
    source: RangedSource,
    footer: TableFooter,
    metaindex: ReadonlyMap<string, BlockHandle>,
    properties: TableProperties,
  ) {
    this.source = source
    this.footer = footer
    this.metaindex = metaindex
    this.properties = properties
  }

  /** Reads footer, metaindex and properties: one read of the end of the file where they are not unusually large. */
  static async open(source: RangedSource): Promise<TableReader> {
    throw new EnvError('NotSupported', `${source.name}: reading tables is not there yet`)
  }

  /** Every block in file order. They lie within the file and do not overlap. */
  async *blocks(_options: DamageOptions = {}): AsyncGenerator<TableBlock> {}

  /** The contents of one block, its checksum checked. Needs the block's kind to know about dictionaries. */
  async readBlock(_block: BlockHandle & { readonly kind: BlockKind }): Promise<BlockContents> {
    throw new EnvError('NotSupported', `${this.source.name}: reading blocks is not there yet`)
  }

  /** Point entries in the order of the table, newest first where a key has several. */
  async *entries(_range: EntryRange & DamageOptions = {}): AsyncGenerator<TableEntry> {}

  /** The range deletions. */
  async *rangeDeletions(): AsyncGenerator<TableEntry> {}
}

/** An object of a database as a source; neighbouring reads share a request. */
export function rangedObject(_place: DatabasePlace, name: string, size: number): RangedSource {
  return { name, size, read: () => Promise.reject(new EnvError('NotSupported', 'not there yet')) }
}
