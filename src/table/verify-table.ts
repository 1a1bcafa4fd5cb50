/** Reads a table from end to end: checks every block against its checksum, and its contents against the MANIFEST. */

import type { LiveTable } from '../catalog/manifest.js'
import { bringBack, type Problem, type ProblemCode, type UserKeyRange } from '../catalog/problem.js'
import { ProblemList } from '../catalog/problem-list.js'
import { EnvError } from '../env/env-error.js'
import { blobReferenceType, decodeBlobReference } from '../format/blob-reference.js'
import { readBlock } from '../format/block.js'
import { blockTrailerSize } from '../format/block-handle.js'
import { corruption } from '../format/corruption.js'
import {
  compareTrailers,
  isSameKey,
  keyTrailerSize,
  sequenceOf,
  typeOf,
  userKeyOf,
} from '../format/encoded-key.js'
import { readIndexBlock } from '../format/index-block.js'
import { decodeInternalKey } from '../format/internal-key.js'
import { type KeyOrder, keyOrder } from '../format/key-order.js'
import { quoted } from '../format/quoted.js'
import type { TableProperties } from '../format/table-properties.js'
import type { TableUniqueId } from '../format/table-unique-id.js'
import type { BlobTarget } from './blob-target.js'
import type { RangedSource } from './ranged-source.js'
import type { TableBlock } from './table-block.js'
import { isCompatible, knownId, strangeOrigins } from './table-origin.js'
import { TableReader } from './table-reader.js'

export interface ExpectedTable {
  /** Table as the MANIFEST has it. */
  readonly table: LiveTable
  readonly range: UserKeyRange
  /** Comparator of its column family, if the MANIFEST has it. */
  readonly comparator: string | undefined
  /** Returns the live blob file of this number; `missing` if it is not there, or not of its size. */
  blobFile(number: number): BlobTarget | 'missing' | undefined
  /** Returns the readable name of the table with this id, if the database has it. */
  nameOf(id: TableUniqueId): string | undefined
}

export interface TableVerification {
  readonly problems: readonly Problem[]
  readonly blocks: number
  readonly entries: number
}

/** A table of some TB may be bad from end to end: problems beyond this limit are only counted. */
const maxProblems = 10
/** Padding is read in pieces of this size. */
const paddingBytes = 1 << 20

/**
 * @param onRead receives the number of bytes verified since the last call; together they are all.
 * @throws EnvError errors of the store; NotFound if the object is gone.
 */
export async function verifyTable(
  source: RangedSource,
  expected: ExpectedTable,
  onRead: (bytes: number) => void = () => {},
): Promise<TableVerification> {
  const check = new TableCheck(source, expected, onRead)
  await check.run()
  return check.result()
}

class TableCheck {
  readonly #source: RangedSource
  readonly #expected: ExpectedTable
  readonly #onRead: (bytes: number) => void
  readonly #problems = new ProblemList(maxProblems)
  /** True if the object holds another table, for which the MANIFEST's values mean nothing. */
  #isAnother = false
  #blocks = 0
  #entries = 0
  #rangeDeletions = 0
  /** Offset up to which the file was read. */
  #furthest = 0
  /** True if everything was read: only then can anything be said of the whole. */
  #isWhole = true
  #firstKey: Uint8Array | undefined
  /** References to blob files that nothing referred to before. */
  readonly #toFollow: (() => Promise<Problem | undefined>)[] = []
  #lastKey: Uint8Array | undefined

  constructor(source: RangedSource, expected: ExpectedTable, onRead: (bytes: number) => void) {
    this.#source = source
    this.#expected = expected
    this.#onRead = onRead
  }

  async run(): Promise<void> {
    await this.#verify()
    this.#reportProgress(this.#source.size)
  }

  async #verify(): Promise<void> {
    const reader = await this.#caught(this.#expected.range, () => TableReader.open(this.#source))
    if (!reader) return
    await this.#verifyOrigin(reader.properties)
    this.#verifyFormat(reader)
    await this.#caught(this.#expected.range, () => this.#verifyBlocks(reader))
    if (this.#isWhole && !this.#isAnother) this.#verifyContents(reader.properties)
  }

  result(): TableVerification {
    const summary = (further: number) =>
      this.#problem('corrupt', `has ${further} more such problems. ${bringBack}`)
    return { problems: this.#problems.problems(summary), blocks: this.#blocks, entries: this.#entries }
  }

  /** The object may hold another table, which is sound in itself. */
  async #verifyOrigin(properties: TableProperties): Promise<void> {
    const { table, nameOf } = this.#expected
    for (const { code, message } of await strangeOrigins(properties, table, nameOf)) {
      this.#isAnother ||= code === 'swapped'
      this.#report(code, `${message}. ${bringBack}`)
    }
  }

  #verifyFormat({ footer, properties, hasProperties }: TableReader): void {
    const { comparator, table } = this.#expected
    // RocksDB always wrote properties, LevelDB never.
    if (!hasProperties && (footer.formatVersion > 0 || knownId(table.uniqueId)))
      this.#report('corrupt', `has no properties. ${bringBack}`)
    const own = properties.texts.get('rocksdb.comparator')
    if (own && comparator && !isCompatible(own, comparator)) {
      const message = `is in the order of ${quoted(own)}, and its column family in that of ${quoted(comparator)}. ${bringBack}`
      this.#report('mismatch', message)
    }
    if (properties.indexFormat.hasDeltaHandles && footer.formatVersion < deltaHandlesSince) {
      const message = `says that it has format version ${footer.formatVersion}, and has an index that version does not know. ${bringBack}`
      this.#report('corrupt', message)
    }
  }

  async #verifyBlocks(reader: TableReader): Promise<void> {
    const { range } = this.#expected
    let end = 0
    let isIndexWhole = true
    const rangeOf = ({ lowerKey = range.smallest, upperKey }: TableBlock): UserKeyRange =>
      upperKey ? { ...range, smallest: lowerKey, largest: upperKey } : range
    const onDamage = (problem: EnvError, block: TableBlock) => {
      isIndexWhole = false
      this.#reportError(problem, rangeOf(block))
    }

    for await (const block of reader.blocks({ onDamage })) {
      if (isIndexWhole) await this.#caught(range, () => this.#verifyPadding(end, block.offset))
      end = block.offset + block.size + blockTrailerSize
      await this.#caught(rangeOf(block), () => this.#verifyBlock(reader, block))
      this.#blocks += 1
      this.#reportProgress(end)
    }
    if (isIndexWhole) await this.#caught(range, () => this.#verifyPadding(end, reader.footer.offset))
  }

  /** Reports that everything is verified up to here, or further if blocks overlap. */
  #reportProgress(end: number): void {
    if (end <= this.#furthest) return
    this.#onRead(end - this.#furthest)
    this.#furthest = end
  }

  /** Between blocks there is nothing, or the zeros of RocksDB's `block_align`. */
  async #verifyPadding(start: number, end: number): Promise<void> {
    for (let at = start; at < end; at += paddingBytes) {
      const bytes = await this.#source.read(at, Math.min(paddingBytes, end - at))
      const found = bytes.findIndex((byte) => byte !== 0)
      if (found >= 0)
        throw corruption(this.#source.name, at + found, 'no block of the table reaches to what is here')
    }
  }

  async #verifyBlock(reader: TableReader, block: TableBlock): Promise<void> {
    const bytes = await this.#readBlock(reader, block)
    const error = (reason: string) => corruption(this.#source.name, block.offset, reason)
    switch (block.kind) {
      case 'data':
        this.#verifyEntries(block, bytes, reader.properties, error)
        return this.#followReferences()
      case 'indexPartition':
        return this.#verifyPartition(block, bytes, reader.properties, error)
      case 'rangeDeletions':
        return this.#verifyRangeDeletions(bytes, error)
    }
  }

  async #followReferences(): Promise<void> {
    for (const follow of this.#toFollow.splice(0)) {
      const problem = await follow()
      if (problem) this.#problems.push(problem)
    }
  }

  /** Contents of a block. If it cannot be decoded here, reports what is known of it. */
  async #readBlock(reader: TableReader, block: TableBlock): Promise<Uint8Array> {
    try {
      return (await reader.readBlock(block)).bytes
    } catch (error) {
      if (!EnvError.is(error, 'NotSupported')) throw error
      await reader.checkChecksum(block)
      const checked =
        reader.footer.checksum === 'kNoChecksum'
          ? 'It has no checksum, and what is in it'
          : 'Its checksum is right; what is in it'
      throw new EnvError('NotSupported', `${error.message}. ${checked} was not checked`)
    }
  }

  #verifyEntries(block: TableBlock, bytes: Uint8Array, properties: TableProperties, error: MakeError): void {
    const { table } = this.#expected
    const order = this.#order(properties)
    const { largestSequence } = table
    const isKnown =
      !this.#isAnother && properties.globalSequence === undefined && largestSequence !== undefined
    const maxSequence = isKnown ? Number(largestSequence) : Infinity
    let first: Uint8Array | undefined
    let last = this.#lastKey
    let lastUserKey = last && userKeyOf(last)
    for (const { key, value } of readBlock(bytes, { error })) {
      if (key.length < keyTrailerSize) throw error('a key is shorter than its 8-byte trailer')
      const userKey = userKeyOf(key)
      if (order && last && lastUserKey) {
        // For one user key, the newest version comes first.
        if ((order(lastUserKey, userKey) || compareTrailers(key, last)) >= 0)
          throw error('its keys are not in order')
      }
      if (sequenceOf(key) > maxSequence)
        throw error('an entry is newer than the MANIFEST says that any in the table is')
      if (typeOf(key) === blobReferenceType && !this.#isAnother) this.#verifyReference(value, userKey, error)
      first ??= key
      last = key
      lastUserKey = userKey
      this.#entries += 1
    }
    this.#firstKey ??= first
    this.#lastKey = last
    if (first && last) this.#verifyPlace(block, { first, last }, properties, error)
  }

  /** RocksDB finds only what the index leads to. */
  #verifyPlace(
    { firstKey, indexKeys }: TableBlock,
    { first, last }: Readonly<Record<'first' | 'last', Uint8Array>>,
    properties: TableProperties,
    error: MakeError,
  ): void {
    if (firstKey && !isSameKey(firstKey, decodeInternalKey(first, error)))
      throw error('its first key is another than its index entry says')
    const order = this.#indexOrder(properties)
    if (!order || !indexKeys) return
    const { lower, upper } = indexKeys
    const keyOf = properties.indexFormat.hasUserKeys ? userKeyOf : (key: Uint8Array) => key
    if (order(keyOf(last), upper) > 0) throw error(notReached)
    if (lower && order(keyOf(first), lower) <= 0)
      throw error('it has a key that is not behind the index entry of the block before')
  }

  /**
   * Compares the entries of a partition with its own entry in the index. The data blocks are compared with the
   * partition elsewhere.
   */
  #verifyPartition(
    { indexKeys }: TableBlock,
    bytes: Uint8Array,
    properties: TableProperties,
    error: MakeError,
  ): void {
    const order = this.#indexOrder(properties)
    if (!order || !indexKeys) return
    for (const { key } of readIndexBlock(bytes, properties.indexFormat, error))
      if (order(key, indexKeys.upper) > 0) throw error(notReached)
  }

  /** Order of keys as the index has them. */
  #indexOrder(properties: TableProperties): KeyOrder | undefined {
    const order = this.#order(properties)
    if (!order || properties.indexFormat.hasUserKeys) return order
    // For one user key, the newest version comes first.
    return (a, b) => order(userKeyOf(a), userKeyOf(b)) || compareTrailers(b, a)
  }

  #verifyRangeDeletions(bytes: Uint8Array, error: MakeError): void {
    for (const { key } of readBlock(bytes, { error })) {
      if (decodeInternalKey(key, error).type !== rangeDeletionType)
        throw error('it has an entry that is no range deletion')
      this.#rangeDeletions += 1
    }
  }

  #verifyReference(value: Uint8Array, userKey: Uint8Array, error: MakeError): void {
    const reference = decodeBlobReference(value, error)
    const { file, offset, size } = reference
    const target = this.#expected.blobFile(file)
    if (target === undefined)
      throw error(`a value is said to be in blob file ${file}, which the MANIFEST does not have`)
    if (target === 'missing') return
    if (!target.hasRoomFor(reference, userKey))
      throw error(
        `a value is said to be ${size} bytes at byte ${offset} of blob file ${file}, which has no room for it`,
      )
    if (target.isFirst()) this.#toFollow.push(() => target.follow(reference, userKey, this.#source.name))
  }

  /**
   * Undefined if only the author of the comparator knows it, or if the table has another one than its column family.
   */
  #order({ texts }: TableProperties): KeyOrder | undefined {
    const own = texts.get('rocksdb.comparator') || undefined
    const { comparator = own } = this.#expected
    return own === undefined || own === comparator ? keyOrder(comparator) : undefined
  }

  #verifyContents(properties: TableProperties): void {
    const { numbers } = properties
    const points = this.#entries
    const rangeDeletions = this.#rangeDeletions
    const stated = {
      entries: numbers.get('rocksdb.num.entries') ?? points + rangeDeletions,
      rangeDeletions: numbers.get('rocksdb.num.range-deletions') ?? rangeDeletions,
    }
    // RocksDB 5.15 to 5.18 leave the range deletions out of the entries.
    const hasEntries = stated.entries === points + rangeDeletions || stated.entries === points
    if (!hasEntries || stated.rangeDeletions !== rangeDeletions) {
      const message = `has ${points} entries and ${rangeDeletions} range deletions, and says that there are ${stated.entries}, ${stated.rangeDeletions} of them range deletions. ${bringBack}`
      this.#report('mismatch', message)
    }
    const { smallest, largest } = this.#expected.range
    const [first, last] = [this.#firstKey, this.#lastKey].map((key) => key && userKeyOf(key))
    const order = this.#order(properties)
    if (!first || !last || !order) return
    // The ends of range deletions belong to the range, so the keys may not reach it.
    const isRight =
      rangeDeletions === 0
        ? order(first, smallest) === 0 && order(last, largest) === 0
        : order(first, smallest) >= 0 && order(last, largest) <= 0
    if (!isRight) this.#report('mismatch', `has other keys than those that the MANIFEST says. ${bringBack}`)
  }

  /** Result of the work; undefined if it found damage, which is noted. */
  async #caught<T>(range: UserKeyRange, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      if (!EnvError.is(error, 'Corruption') && !EnvError.is(error, 'NotSupported')) throw error
      this.#reportError(error, range)
      return undefined
    }
  }

  #reportError(error: EnvError, range: UserKeyRange): void {
    this.#isWhole = false
    if (error.code === 'NotSupported') {
      // Reports once that not all of the table could be checked. Most blocks have the same cause, and the checksum of
      // each is checked.
      if (this.#problems.has('unsupported')) return
      this.#problems.push({ code: 'unsupported', object: this.#source.name, message: error.message, range })
    } else {
      this.#problems.push({
        code: 'corrupt',
        object: this.#source.name,
        message: `${error.message}. ${bringBack}`,
        range,
      })
    }
  }

  #report(code: ProblemCode, message: string): void {
    this.#problems.push(this.#problem(code, message))
  }

  #problem(code: ProblemCode, message: string): Problem {
    const { name } = this.#source
    return { code, object: name, message: `${name} ${message}`, range: this.#expected.range }
  }
}

type MakeError = (reason: string) => EnvError

/** First format version whose index may store only the differences between the places of blocks. */
const deltaHandlesSince = 4
const notReached = 'it has a key that its index entry does not reach'
/** See `valueTypeName`. */
const rangeDeletionType = 0xf
