/** A table read from end to end: every block against its checksum, and what it holds against the MANIFEST. */
import { EnvError } from '../env/env-error.js'
import { blobReferenceType, decodeBlobReference } from '../format/blob-reference.js'
import { readBlock } from '../format/block.js'
import { blockTrailerSize } from '../format/block-handle.js'
import { corruption } from '../format/corruption.js'
import { readIndexBlock } from '../format/index-block.js'
import { decodeInternalKey, type InternalKey } from '../format/internal-key.js'
import type { LiveTable } from '../format/manifest.js'
import type { TableProperties } from '../format/table-properties.js'
import { type TableUniqueId, tableUniqueId } from '../format/table-unique-id.js'
import type { BlobTarget } from './blob-target.js'
import { type KeyOrder, keyOrder } from './key-order.js'
import { bringBack, type KeyRange, type Problem, type ProblemCode } from './problem.js'
import { ProblemList } from './problem-list.js'
import { quoted } from './quoted.js'
import type { RangedSource } from './ranged-source.js'
import { type TableBlock, TableReader } from './table-reader.js'

export interface ExpectedTable {
  /** As the MANIFEST has it. */
  readonly table: LiveTable
  readonly range: KeyRange
  /** Of its column family, where the MANIFEST says it. */
  readonly comparator: string | undefined
  /** The live blob file of this number; `missing` where it is not there, or not of its size. */
  blobFile(number: number): BlobTarget | 'missing' | undefined
  /** How people call the table that has this id, if any of the database has it. */
  nameOf(id: TableUniqueId): string | undefined
}

export interface TableVerification {
  readonly problems: readonly Problem[]
  readonly blocks: number
  readonly entries: number
}

/** A table of some TB may be bad from end to end: what is beyond this is only counted. */
const maxProblems = 10
/** Padding is read in pieces of this size. */
const paddingBytes = 1 << 20

/**
 * @param onRead is told how many more bytes are done with; in the end that was all of them.
 * @throws EnvError what the store fails with; NotFound where the object is gone.
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
  /** Then what the MANIFEST says is of no use. */
  #isAnother = false
  #blocks = 0
  #entries = 0
  #rangeDeletions = 0
  /** What was read reaches to this byte. */
  #furthest = 0
  /** Whether all there is was read: only then can anything be said of the whole. */
  #isWhole = true
  #firstKey: Uint8Array | undefined
  /** What refers to blob files to which nothing referred before. */
  readonly #toFollow: (() => Promise<Problem | undefined>)[] = []
  #lastKey: Uint8Array | undefined

  constructor(source: RangedSource, expected: ExpectedTable, onRead: (bytes: number) => void) {
    this.#source = source
    this.#expected = expected
    this.#onRead = onRead
  }

  async run(): Promise<void> {
    await this.#verify()
    this.#done(this.#source.size)
  }

  async #verify(): Promise<void> {
    const reader = await this.#caught(this.#expected.range, () => TableReader.open(this.#source))
    if (!reader) return
    this.#verifyOrigin(reader.properties)
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
  #verifyOrigin({ numbers, texts, raw }: TableProperties): void {
    const { table, nameOf } = this.#expected
    const origin = {
      dbId: texts.get('rocksdb.creating.db.identity') ?? '',
      sessionId: texts.get('rocksdb.creating.session.identity') ?? '',
      fileNumber: numbers.get('rocksdb.original.file.number') ?? 0,
    }
    const [first, second] = tableUniqueId(origin) ?? []
    const [expectedFirst, expectedSecond] = knownId(table.uniqueId) ?? []
    if (first !== undefined && expectedFirst !== undefined) {
      if (first === expectedFirst && (second ?? expectedSecond) === expectedSecond) return
      const name = second === undefined ? undefined : nameOf([first, second])
      this.#reportSwapped(
        name ?? `what was written as table ${origin.fileNumber} of another database or session`,
      )
      return
    }
    // Those that were ingested have the numbers of where they were written.
    if (raw.has('rocksdb.external_sst_file.version')) return
    if (origin.fileNumber !== 0 && origin.fileNumber !== table.number) {
      this.#reportSwapped(`what was written as table ${origin.fileNumber}`)
    }
    const family = numbers.get('rocksdb.column.family.id') ?? unknownFamily
    if (family !== unknownFamily && family !== table.columnFamily) {
      const message = `is of column family ${family}, and the MANIFEST has it in ${table.columnFamily}. ${bringBack}`
      this.#report('mismatch', message)
    }
  }

  #reportSwapped(what: string): void {
    this.#isAnother = true
    this.#report('swapped', `holds ${what}. ${bringBack}`)
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
    const rangeOf = ({ lowerKey = range.smallest, upperKey }: TableBlock): KeyRange =>
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
      this.#done(end)
    }
    if (isIndexWhole) await this.#caught(range, () => this.#verifyPadding(end, reader.footer.offset))
  }

  /** What is done with ends here, or further on where blocks overlap. */
  #done(end: number): void {
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

  /** What is in a block. Of one that cannot be taken apart here, says what is known of it. */
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
        // Of the same user key, the newest comes first.
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

  /** The keys of data blocks are compared with the entries of their partition: here is left to compare those with its own. */
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

  /** Of keys as the index has them. */
  #indexOrder(properties: TableProperties): KeyOrder | undefined {
    const order = this.#order(properties)
    if (!order || properties.indexFormat.hasUserKeys) return order
    // Of the same user key, the newest comes first.
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

  /** Undefined where only the author of the comparator knows it, or the table has another than its column family. */
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
    // The ends of range deletions belong to the range, so that the keys may not reach it.
    const isRight =
      rangeDeletions === 0
        ? order(first, smallest) === 0 && order(last, largest) === 0
        : order(first, smallest) >= 0 && order(last, largest) <= 0
    if (!isRight) this.#report('mismatch', `has other keys than those that the MANIFEST says. ${bringBack}`)
  }

  /** What the work resolves with; undefined where it found damage, which is noted. */
  async #caught<T>(range: KeyRange, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      if (!EnvError.is(error, 'Corruption') && !EnvError.is(error, 'NotSupported')) throw error
      this.#reportError(error, range)
      return undefined
    }
  }

  #reportError(error: EnvError, range: KeyRange): void {
    this.#isWhole = false
    if (error.code === 'NotSupported') {
      // Once says that not all of the table could be checked. It is mostly the same with every block, of which each has its
      // checksum checked.
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

/** The format version from which on an index may have only the differences between the places of blocks. */
const deltaHandlesSince = 4
const notReached = 'it has a key that its index entry does not reach'
/** See `valueTypeName`. */
const rangeDeletionType = 0xf
/** In the properties of a table that was written for no column family. */
const unknownFamily = 2 ** 31 - 1

/** Zeros stand for an id that was not known. */
function knownId(id: TableUniqueId | undefined): TableUniqueId | undefined {
  return id && (id[0] !== 0n || id[1] !== 0n) ? id : undefined
}

/** What RocksDB adds to the name of a comparator whose keys have a timestamp at the end. */
const timestampSuffix = '.u64ts'

/**
 * A column family may get timestamps, and lose them, where it does not write them into its tables: older ones keep the
 * name that was its comparator's. See `ValidateUserDefinedTimestampsOptions` in RocksDB's util/udt_util.cc.
 */
function isCompatible(a: string, b: string): boolean {
  return a === b || a === b + timestampSuffix || b === a + timestampSuffix
}

/** Behind each user key: 7 bytes of sequence number and 1 of type. */
const keyTrailerSize = 8

function userKeyOf(key: Uint8Array): Uint8Array {
  return key.subarray(0, key.length - keyTrailerSize)
}

function isSameKey(a: InternalKey, b: InternalKey): boolean {
  return a.sequence === b.sequence && a.type === b.type && Buffer.compare(a.userKey, b.userKey) === 0
}

function typeOf(key: Uint8Array): number {
  return key[key.length - keyTrailerSize]!
}

/** Rounded above 2^53. */
function sequenceOf(key: Uint8Array): number {
  const at = key.length - keyTrailerSize
  const low = key[at + 1]! + key[at + 2]! * 2 ** 8 + key[at + 3]! * 2 ** 16
  const high = key[at + 4]! + key[at + 5]! * 2 ** 8 + key[at + 6]! * 2 ** 16 + key[at + 7]! * 2 ** 24
  return low + high * 2 ** 24
}

/** As numbers, the last byte the highest. */
function compareTrailers(a: Uint8Array, b: Uint8Array): number {
  for (let at = 1; at <= keyTrailerSize; at++) {
    const difference = a[a.length - at]! - b[b.length - at]!
    if (difference !== 0) return difference
  }
  return 0
}
