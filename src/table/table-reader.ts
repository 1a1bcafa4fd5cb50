import { EnvError } from '../env/env-error.js'
import { readBlock } from '../format/block.js'
import type { BlockHandle } from '../format/block-handle.js'
import { corruption } from '../format/corruption.js'
import { type IndexFormat, readIndexBlock } from '../format/index-block.js'
import { decodeInternalKey } from '../format/internal-key.js'
import { type KeyOrder, keyOrder } from '../format/key-order.js'
import { quoted } from '../format/quoted.js'
import type { TableFooter } from '../format/table-footer.js'
import { readTableProperties, type TableProperties } from '../format/table-properties.js'
import { type BlockContents, BlockReader, maxMetaBlockBytes } from './block-reader.js'
import {
  dictionaryName,
  indexName,
  kindOf,
  partitionedFilterPrefix,
  propertiesHandle,
  rangeDeletionsName,
  readFooter,
  readMetaindexBlock,
} from './metaindex.js'
import type { RangedSource } from './ranged-source.js'
import { readTwice } from './read-twice.js'
import {
  type BlockKind,
  type DamageOptions,
  damaged,
  type EntryRange,
  endOf,
  type TableBlock,
  type TableEntry,
} from './table-block.js'

/** Limit on the impossible entries of one index block. A few KB of it, compressed, can name millions of blocks. */
const maxImpossibleEntries = 10

/**
 * A table, read by ranges and trusting nothing in it: every method rejects with Corruption, the name and the byte
 * offset, if a length or place in it cannot be; no block is ever given more than 64 MiB.
 */
export class TableReader {
  readonly source: RangedSource
  readonly footer: TableFooter
  readonly properties: TableProperties
  /** Locations by the names that the metaindex has for them. */
  readonly metaindex: ReadonlyMap<string, BlockHandle>
  readonly #blocks: BlockReader
  #dictionary: Promise<Uint8Array> | undefined

  /** Reads footer, metaindex and properties: one read of the end of the file, unless they are unusually large. */
  static open(source: RangedSource): Promise<TableReader> {
    // The footer has no checksum: damage in it shows at whatever place it leads to.
    return readTwice(source, () => TableReader.#open(source))
  }

  static async #open(source: RangedSource): Promise<TableReader> {
    const footer = await readFooter(source)
    const blocks = await BlockReader.open(source, footer)
    const metaindex = await readMetaindexBlock(blocks, footer)
    const handle = propertiesHandle(metaindex)
    const block = handle && (await blocks.readProperties(handle))
    const properties = readTableProperties(block?.bytes, blocks.errorAt(handle ?? footer.metaindex))
    return new TableReader(source, footer, metaindex, properties, blocks)
  }

  private constructor(
    source: RangedSource,
    footer: TableFooter,
    metaindex: ReadonlyMap<string, BlockHandle>,
    properties: TableProperties,
    blocks: BlockReader,
  ) {
    this.source = source
    this.footer = footer
    this.metaindex = metaindex
    this.properties = properties
    this.#blocks = blocks
  }

  /** False for a table that LevelDB wrote, and for a damaged one. */
  get hasProperties(): boolean {
    return propertiesHandle(this.metaindex) !== undefined
  }

  /** Offset of the first part that is not data, without the partitions of index and filter. */
  get frameOffset(): number {
    const { metaindex, index } = this.footer
    const named = [metaindex, ...(index ? [index] : []), ...this.metaindex.values()]
    return Math.min(...named.map(({ offset }) => offset))
  }

  /**
   * Reads everything else that RocksDB needs to open the table: on level 0 also the partitions of its index, all of
   * them (`CacheDependencies` in table/block_based/partitioned_index_reader.cc), even for a read of only one.
   * @throws EnvError Corruption; NotSupported: a block of it is larger than 8 MiB, or its compression is unknown.
   */
  async readFrame(): Promise<void> {
    const options = { maxBytes: maxMetaBlockBytes }
    for await (const block of this.#lowestIndexBlocks({})) await this.#blocks.read(block, options)
    for (const name of [rangeDeletionsName, dictionaryName]) {
      const handle = this.metaindex.get(name)
      if (handle) await this.#blocks.read(handle, options)
    }
  }

  /** Every block in file order. They lie within the file and do not overlap. Reads nothing but the index blocks. */
  async *blocks(options: DamageOptions = {}): AsyncGenerator<TableBlock> {
    const named = this.#namedBlocks(options)
    // The data blocks already report damage of the index, from which they come.
    const untold: DamageOptions = options.onDamage ? { onDamage: () => {} } : {}
    const kinds = [
      this.#dataBlocks(options),
      this.#filterPartitions(named, options),
      ...(this.#hasPartitions ? [this.#lowestIndexBlocks(untold)] : []),
      each(named),
    ]
    let furthest: TableBlock | undefined
    for await (const block of inFileOrder(kinds)) {
      if (furthest && block.offset < endOf(furthest)) damaged(options, this.#overlap(block, furthest), block)
      if (!furthest || endOf(block) > endOf(furthest)) furthest = block
      yield block
    }
  }

  /** Contents of one block, with its checksum checked. */
  async readBlock(block: BlockHandle & { readonly kind: BlockKind }): Promise<BlockContents> {
    switch (block.kind) {
      case 'data':
        return this.#blocks.read(block, { dictionary: await this.#loadDictionary() })
      case 'properties':
        return this.#blocks.readProperties(block)
      default:
        return this.#blocks.read(block)
    }
  }

  /** See {@link BlockReader.checkChecksum}. */
  checkChecksum(block: BlockHandle): Promise<void> {
    return this.#blocks.checkChecksum(block)
  }

  /** Entries of the index, in its order: the blocks that may hold keys of the range. */
  async *index({ from, to, ...options }: EntryRange & DamageOptions = {}): AsyncGenerator<TableBlock> {
    yield* this.#dataBlocks({ ...options, ...(from && { from }), ...(to && { to }) })
  }

  /** Point entries in the order of the table: the newest version of a key first. */
  async *entries({ from, to, ...options }: EntryRange & DamageOptions = {}): AsyncGenerator<TableEntry> {
    const compare = from || to ? this.#comparator() : undefined
    for await (const block of this.index({ ...options, ...(from && { from }), ...(to && { to }) })) {
      try {
        const { bytes } = await this.readBlock(block)
        for (const entry of this.#decodeEntries(bytes, block)) {
          if (from && compare!(entry.userKey, from) < 0) continue
          if (to && compare!(entry.userKey, to) >= 0) return
          yield entry
        }
      } catch (error) {
        damaged(options, error, block)
      }
    }
  }

  /** Range deletions that overlap the range. Newer ones may overlap older ones. */
  async *rangeDeletions({ from, to }: EntryRange = {}): AsyncGenerator<TableEntry> {
    const handle = this.metaindex.get(rangeDeletionsName)
    if (handle === undefined) return
    const compare = from || to ? this.#comparator() : undefined
    const { bytes } = await this.#blocks.read(handle)
    for (const deletion of this.#decodeEntries(bytes, handle)) {
      const isBefore = from !== undefined && compare!(deletion.value, from) <= 0
      const isBehind = to !== undefined && compare!(deletion.userKey, to) >= 0
      if (!isBefore && !isBehind) yield deletion
    }
  }

  *#decodeEntries(bytes: Uint8Array, block: BlockHandle): Generator<TableEntry> {
    const error = this.#blocks.errorAt(block)
    const { globalSequence } = this.properties
    for (const { key, value } of readBlock(bytes, { error })) {
      const { userKey, sequence: own, type } = decodeInternalKey(key, error)
      const sequence = globalSequence === 'inManifest' ? undefined : (globalSequence ?? own)
      yield { userKey, sequence, type, value, block }
    }
  }

  /** Order of the table's user keys, as far as it is known here. */
  #comparator(): KeyOrder {
    const name = this.properties.texts.get('rocksdb.comparator')
    const order = keyOrder(name)
    if (order) return order
    throw new EnvError(
      'NotSupported',
      `${this.source.name} is ordered by ${quoted(name!)}; keys cannot be looked for in it`,
    )
  }

  #loadDictionary(): Promise<Uint8Array | undefined> {
    const handle = this.metaindex.get(dictionaryName)
    if (handle === undefined) return Promise.resolve(undefined)
    this.#dictionary ??= this.#blocks.read(handle).then(({ bytes }) => bytes)
    return this.#dictionary
  }

  get #hasPartitions(): boolean {
    return this.properties.indexType === 'kTwoLevelIndexSearch'
  }

  /** Format of the upper of two index levels. */
  get #topFormat(): IndexFormat {
    return { ...this.properties.indexFormat, hasFirstKeys: false }
  }

  async *#dataBlocks(options: EntryRange & DamageOptions): AsyncGenerator<TableBlock> {
    const { from, to } = options
    const compare = from || to ? this.#comparator() : undefined
    const isBefore = (block: TableBlock) => from !== undefined && compare!(block.upperKey!, from) < 0
    const isBehind = (block: TableBlock) =>
      to !== undefined && block.lowerKey !== undefined && compare!(block.lowerKey, to) >= 0
    const isPossible = this.#inOrder(options)
    for await (const parent of this.#lowestIndexBlocks(options)) {
      if (parent.kind === 'indexPartition') {
        if (isBefore(parent)) continue
        if (isBehind(parent)) return
      }
      const format = this.properties.indexFormat
      for await (const block of this.#children(parent, { kind: 'data', format, isPossible }, options)) {
        if (isBehind(block)) return
        if (!isBefore(block)) yield block
      }
    }
  }

  /** Blocks of the index, or its partitions. */
  async *#lowestIndexBlocks(options: DamageOptions): AsyncGenerator<TableBlock> {
    const handle = this.footer.index ?? this.metaindex.get(indexName)
    if (handle === undefined) {
      const { metaindex } = this.footer
      const error = corruption(this.source.name, metaindex.offset, 'the metaindex names no index')
      return damaged(options, error, { ...metaindex, kind: 'metaindex' })
    }
    const top: TableBlock = { ...handle, kind: 'index' }
    if (this.#hasPartitions) yield* this.#partitions(top, 'indexPartition', this.#inOrder(options), options)
    else yield top
  }

  async *#filterPartitions(named: readonly TableBlock[], options: DamageOptions): AsyncGenerator<TableBlock> {
    // One for all, though a table has only one such filter: otherwise each name would lead through the whole file.
    const isPossible = this.#inOrder(options)
    for (const block of named) {
      if (block.name?.startsWith(partitionedFilterPrefix))
        yield* this.#partitions(block, 'filterPartition', isPossible, options)
    }
  }

  #partitions(
    top: TableBlock,
    kind: 'indexPartition' | 'filterPartition',
    isPossible: IsPossible,
    options: DamageOptions,
  ): AsyncGenerator<TableBlock> {
    return this.#children(top, { kind, format: this.#topFormat, isPossible }, options)
  }

  /** Blocks that an index block names, with the keys between them. Stops after too many impossible ones. */
  async *#children(
    parent: TableBlock,
    { kind, format, isPossible }: Children,
    options: DamageOptions,
  ): AsyncGenerator<TableBlock> {
    const error = this.#blocks.errorAt(parent)
    let { lowerKey } = parent
    let lower = parent.indexKeys?.lower
    let impossible = 0
    try {
      const { bytes } = await this.#blocks.read(parent)
      for (const { key, userKey, handle, firstKey } of readIndexBlock(bytes, format, error)) {
        const block: TableBlock = {
          ...handle,
          kind,
          upperKey: userKey,
          indexKeys: { upper: key, lower },
          ...(lowerKey && { lowerKey }),
          ...(firstKey && { firstKey }),
        }
        lowerKey = userKey
        lower = key
        if (isPossible(block)) yield block
        else impossible += 1
        if (impossible === maxImpossibleEntries)
          throw error(`${impossible} entries lead to what cannot be a block; what follows is not read`)
      }
    } catch (thrown) {
      damaged(options, thrown, parent)
    }
  }

  /** Blocks that footer and metaindex name. If two names lead to one place, the second is damage. */
  #namedBlocks(options: DamageOptions): TableBlock[] {
    const { footer, metaindex } = this
    const blocks: TableBlock[] = [
      { ...footer.metaindex, kind: 'metaindex' },
      ...(footer.index ? [{ ...footer.index, kind: 'index' } as const] : []),
      ...[...metaindex].map(([name, handle]) => ({ ...handle, kind: kindOf(name), name })),
    ]
    // A filter without keys has no block.
    const stored = blocks.filter(({ kind, size }) => kind !== 'filter' || size > 0)
    const isPossible = this.#inOrder(options)
    return stored.sort((a, b) => a.offset - b.offset).filter(isPossible)
  }

  /**
   * Checks that blocks named one after another are possible: within the file, and each after the one before. So no
   * index can lead in circles, or to more blocks than the file has room for.
   */
  #inOrder(options: DamageOptions): IsPossible {
    let last: TableBlock | undefined
    return (block) => {
      try {
        this.#blocks.checkPlace(block)
        if (last && block.offset < endOf(last)) throw this.#overlap(block, last)
        last = block
        return true
      } catch (error) {
        damaged(options, error, block)
        return false
      }
    }
  }

  #overlap({ offset }: BlockHandle, other: BlockHandle): EnvError {
    const reason = `the block here is said to come behind that at byte ${other.offset}, which ends at byte ${endOf(other)}`
    return corruption(this.source.name, offset, reason)
  }
}

type IsPossible = (block: TableBlock) => boolean

/** Description of the blocks that an index block names. */
interface Children {
  readonly kind: BlockKind
  readonly format: IndexFormat
  readonly isPossible: IsPossible
}

async function* each<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values
}

/** Merges several streams, each in file order; holds only the next block of each. */
async function* inFileOrder(streams: readonly AsyncIterator<TableBlock>[]): AsyncGenerator<TableBlock> {
  const next: { readonly stream: AsyncIterator<TableBlock>; block: TableBlock }[] = []
  for (const stream of streams) {
    const { value, done } = await stream.next()
    if (!done) next.push({ stream, block: value })
  }
  while (next.length > 0) {
    const first = next.reduce((a, b) => (b.block.offset < a.block.offset ? b : a))
    yield first.block
    const { value, done } = await first.stream.next()
    if (done) next.splice(next.indexOf(first), 1)
    else first.block = value
  }
}
