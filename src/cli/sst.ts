import { Command } from '@commander-js/extra-typings'
import { type DatabasePlace, objectKey, objectUrl, type Places } from '../cloud/database-place.js'
import { EnvError } from '../env/env-error.js'
import type { BlockHandle } from '../format/block-handle.js'
import { decodeCloudManifest } from '../format/cloud-manifest.js'
import { type Epoch, epochOf } from '../format/epoch.js'
import { type ObjectName, objectName } from '../format/file-name.js'
import { valueTypeName } from '../format/internal-key.js'
import type { TableFooter } from '../format/table-footer.js'
import type { TableProperties } from '../format/table-properties.js'
import { decodeVarintExactly } from '../format/varint.js'
import type { RangedSource } from '../inspect/ranged-source.js'
import type { BlockKind, TableBlock, TableEntry, TableReader } from '../inspect/table-reader.js'
import { cookiesAt } from './cookies-at.js'
import { exitCode } from './exit-code.js'
import { keyArgumentHelp, parseKey } from './key-argument.js'
import { noDatabase } from './no-database.js'
import { splitObjectUrl } from './object-url.js'
import { bold, red } from './output/colour.js'
import { type JsonBytes, jsonBytes, jsonLine, printJson } from './output/json.js'
import { LineWriter } from './output/line-writer.js'
import { type JsonProblem, jsonProblem } from './output/problem.js'
import { startProgress, withProgress } from './output/progress.js'
import { printTable } from './output/table.js'
import { formatAge, formatBytes, formatCount, printable, printableMessage, shortened } from './output/text.js'
import { type ShownAs, shownAsOption, shownKey, shownValue } from './shown-bytes.js'
import { type InspectOptions, withInspectOptions, withPlaces } from './store-options.js'
import { UsageError } from './usage-error.js'

/** What `cloudenv sst --json` prints. */
export interface SstJson {
  /** Of the object. */
  readonly url: string
  readonly sizeBytes: number
  /** Null, as what follows, where it cannot be read. */
  readonly footer: {
    readonly byteOffset: number
    readonly formatVersion: number
    /** As RocksDB's option: `kCRC32c`, `kXXH3`, … */
    readonly checksum: string
    readonly metaindex: HandleJson
    /** Null where the metaindex has to tell and cannot be read. */
    readonly index: HandleJson | null
  } | null
  /** By RocksDB's own names: numbers (digits where beyond 2^53) and text where RocksDB defined them, bytes otherwise. */
  readonly properties: { readonly [name: string]: number | string | JsonBytes } | null
  /** What the metaindex names, in its order. */
  readonly metaindex: readonly (HandleJson & { readonly name: string })[] | null
  /** What cannot be read. */
  readonly problems: readonly JsonProblem[]
}

/** What `cloudenv sst --index --json` prints. */
export interface SstIndexJson {
  readonly url: string
  /** The data blocks, in the order of their keys. */
  readonly index: readonly (HandleJson & {
    /** No smaller than any user key in the block, and no larger than any behind it. */
    readonly upperKey: JsonBytes
  })[]
  readonly problems: readonly JsonProblem[]
}

/** What `cloudenv sst --blocks --json` prints. */
export interface SstBlocksJson {
  readonly url: string
  /** All of them, in file order. */
  readonly blocks: readonly BlockJson[]
  readonly problems: readonly JsonProblem[]
}

export interface BlockJson extends HandleJson {
  /** `data`, `index`, `indexPartition`, `filter`, `filterPartition`, `compressionDictionary`, `rangeDeletions`, `properties`, `metaindex`, `other`. */
  readonly kind: BlockKind
  /** What the metaindex calls it. */
  readonly name?: string
  /** Of data blocks and partitions. */
  readonly upperKey?: JsonBytes
  /** False: see the problems. Then what follows is null. */
  readonly isSound: boolean
  readonly compression: string | null
  /** After decompression. */
  readonly contentBytes: number | null
}

/** Where a block lies. */
export interface HandleJson {
  readonly byteOffset: number
  /** As stored, without the 5 bytes behind it. */
  readonly sizeBytes: number
}

/** A line of what `cloudenv sst --entries --json` prints: an entry, and after all others the range deletions. */
export interface SstEntryJson {
  readonly key: JsonBytes
  /** Digits. */
  readonly sequence: string
  /** `value`, `deletion`, `merge`, `singleDeletion`, `rangeDeletion`, `blobIndex`, `wideColumnEntity`, … */
  readonly type: string
  /** Of a range deletion the end of the range, exclusive. */
  readonly value: JsonBytes
}

interface SstOptions extends InspectOptions {
  readonly index?: true
  readonly blocks?: true
  readonly entries?: true
  readonly from?: Buffer
  readonly to?: Buffer
  readonly limit?: number
  readonly as: ShownAs
}

export const sstCommand = withInspectOptions(
  new Command('sst')
    .description('print what is in a table: its properties, index, blocks or entries')
    .argument(
      '<url>',
      "of a database with the table's name: s3://bucket/path/000017.sst or …/000017.sst-<epoch>",
    )
    .option('--index', 'the data blocks, as the index has them')
    .option('--blocks', 'all blocks, each of them read and checked')
    .option('--entries', 'keys and values, with all versions and deletions')
    .option('--from <key>', `entries from this key on (${keyArgumentHelp})`, parseKey)
    .option('--to <key>', 'entries before this key', parseKey)
    .option('--limit <count>', 'at most so many entries', parseLimit)
    .addOption(shownAsOption)
    .addHelpText(
      'after',
      `
Only the parts of the table that are needed are fetched. A name without an epoch is looked up in the
CLOUDMANIFEST.

Examples:
  cloudenv sst s3://bucket/prod/orders/000017.sst
  cloudenv sst s3://bucket/prod/orders/000017.sst --entries --from order/17 --limit 10`,
    ),
).action(async (url, given) => {
  const options: SstOptions = { ...given, as: given.as as ShownAs }
  checkOptions(options)
  const { databaseUrl, name } = splitObjectUrl(url)
  if (name?.kind !== 'table') {
    throw new UsageError(
      `${url} names no table: expected s3://bucket/path/000017.sst, with or without -<epoch>`,
    )
  }
  const problems = await withPlaces(databaseUrl, options, async (places) => {
    const source = await findTable(places, name, databaseUrl, options.cookie ?? '')
    return await show(source, options)
  })
  if (problems > 0) process.exitCode = exitCode.foundWrong
})

function checkOptions({ index, blocks, entries, from, to, limit }: SstOptions): void {
  if ([index, blocks, entries].filter(Boolean).length > 1) {
    throw new UsageError('--index, --blocks and --entries exclude one another')
  }
  if (!entries && (from ?? to ?? limit) !== undefined) {
    throw new UsageError('--from, --to and --limit are of use with --entries alone')
  }
}

/** @throws UsageError */
function parseLimit(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new UsageError(`expected --limit to be a whole number, 0 or more, got ${JSON.stringify(text)}`)
}

type TableName = Extract<ObjectName, { readonly number: number }>

/** @throws UsageError there is no database that could tell the epoch; EnvError NotFound. */
async function findTable(
  places: Places,
  { number, epoch }: TableName,
  databaseUrl: string,
  cookie: string,
): Promise<RangedSource> {
  const tableOf = (madeIn: Epoch) => objectName({ kind: 'table', number, epoch: madeIn })
  if (epoch !== '') return await rangedTable(places, tableOf(epoch))
  const { getFirst } = await import('../cloud/database-view.js')
  const rootName = objectName({ kind: 'cloudManifest', cookie })
  const root = await getFirst(places, rootName)
  // A plain RocksDB has no epochs.
  if (!root && cookie === '' && (await sizeOf(places[0], tableOf(epoch))) !== undefined)
    return await rangedTable(places, tableOf(epoch))
  if (!root) throw noDatabase(databaseUrl, cookie, await cookiesAt(places[0]))
  const cloudManifest = decodeCloudManifest(root.object.body, objectUrl(root.place, rootName))
  return await rangedTable(places, tableOf(epochOf(cloudManifest, number)))
}

async function rangedTable(places: Places, name: string): Promise<RangedSource> {
  const { rangedObject } = await import('../inspect/ranged-source.js')
  for (const place of places) {
    const size = await sizeOf(place, name)
    if (size !== undefined) return rangedObject(place, name, size)
  }
  throw new EnvError('NotFound', `${objectUrl(places[0], name)} is not there`)
}

async function sizeOf(place: DatabasePlace, name: string): Promise<number | undefined> {
  try {
    return (await place.store.head(objectKey(place, name))).size
  } catch (error) {
    if (EnvError.is(error, 'NotFound')) return undefined
    throw error
  }
}

/** Prints what was asked for. @returns how many problems there are. */
async function show(source: RangedSource, options: SstOptions): Promise<number> {
  const { TableReader } = await import('../inspect/table-reader.js')
  const problems: JsonProblem[] = []
  const note = (error: unknown) => {
    if (!EnvError.is(error, 'Corruption') && !EnvError.is(error, 'NotSupported')) throw error
    const code = error.code === 'Corruption' ? 'corrupt' : 'unsupported'
    problems.push(jsonProblem({ code, object: source.name, message: error.message }))
  }
  let reader: TableReader | undefined
  try {
    reader = await TableReader.open(source)
  } catch (error) {
    note(error)
  }
  if (options.entries) {
    if (reader) await showEntries(reader, options, note)
    for (const { message } of problems) console.error(`cloudenv: ${printableMessage(message)}`)
  } else if (options.index) await showIndex(source, reader, options, problems, note)
  else if (options.blocks) await showBlocks(source, reader, options, problems, note)
  else await showProperties(source, reader, options, problems)
  return problems.length
}

type Note = (error: unknown) => void

async function showProperties(
  source: RangedSource,
  reader: TableReader | undefined,
  options: SstOptions,
  problems: readonly JsonProblem[],
): Promise<void> {
  const { footer, metaindex } = reader ?? (await readFrame(source))
  const json: SstJson = {
    url: source.name,
    sizeBytes: source.size,
    footer: footer ? footerJson(footer, metaindex) : null,
    properties: reader ? propertiesJson(reader.properties) : null,
    metaindex: metaindex ? [...metaindex].map(([name, handle]) => ({ name, ...handleJson(handle) })) : null,
    problems,
  }
  if (options.json) return printJson(json)
  printHeading(source, footer)
  if (reader) {
    console.log()
    printTable(Object.entries(json.properties!), [
      { title: 'property', cell: ([name]) => printable(name.replace(/^rocksdb\./, '')) },
      { title: 'value', cell: ([name, value]) => propertyText(name, value, reader.properties) },
    ])
  }
  if (json.metaindex) {
    console.log()
    printTable(json.metaindex, [
      { title: 'block', cell: ({ name }) => printable(name) },
      { title: 'offset', align: 'right', cell: ({ byteOffset }) => formatCount(byteOffset) },
      { title: 'size', align: 'right', cell: ({ sizeBytes }) => formatBytes(sizeBytes) },
    ])
  }
  printProblems(problems)
}

/** What can be read of a table whose properties cannot. */
async function readFrame(source: RangedSource): Promise<Partial<Pick<TableReader, 'footer' | 'metaindex'>>> {
  const { readFooter, readMetaindex } = await import('../inspect/table-reader.js')
  try {
    const footer = await readFooter(source)
    const metaindex = await readMetaindex(source, footer).catch(undefinedIfDamaged)
    return { footer, ...(metaindex && { metaindex }) }
  } catch (error) {
    return undefinedIfDamaged(error) ?? {}
  }
}

function undefinedIfDamaged(error: unknown): undefined {
  if (!EnvError.is(error, 'Corruption') && !EnvError.is(error, 'NotSupported')) throw error
}

function propertiesJson({ raw, numbers, texts }: TableProperties): NonNullable<SstJson['properties']> {
  const jsonOf = (name: string, bytes: Uint8Array) => {
    const exact = numbers.has(name) ? decodeVarintExactly(bytes, 0)!.value : undefined
    if (exact === undefined) return texts.get(name) ?? jsonBytes(bytes)
    return exact > Number.MAX_SAFE_INTEGER ? String(exact) : Number(exact)
  }
  return Object.fromEntries([...raw].map(([name, bytes]) => [name, jsonOf(name, bytes)]))
}

const shownTextLength = 120

function propertyText(
  name: string,
  value: number | string | JsonBytes,
  { indexType }: TableProperties,
): string {
  if (name === 'rocksdb.block.based.table.index.type') return indexType
  if (typeof value === 'string') return shortened(printable(value), shownTextLength)
  if (typeof value === 'object') {
    return shortened(`0x${Buffer.from(value.base64, 'base64').toString('hex')}`, shownTextLength)
  }
  if (/(?<!key|value)\.size$|\.tail\.start\.offset$/.test(name))
    return value < 1024 ? formatBytes(value) : `${formatCount(value)} (${formatBytes(value)})`
  if (name.endsWith('.time') && value > 0 && value < maxSeconds) {
    const date = new Date(value * 1000)
    return `${date.toISOString()} (${formatAge(date)} ago)`
  }
  return formatCount(value)
}

/** The latest time that there is to JavaScript. */
const maxSeconds = 8.64e12

async function showIndex(
  source: RangedSource,
  reader: TableReader | undefined,
  options: SstOptions,
  problems: readonly JsonProblem[],
  note: Note,
): Promise<void> {
  const blocks: TableBlock[] = []
  if (reader) for await (const block of reader.index({ onDamage: note })) blocks.push(block)
  if (options.json) {
    const index = blocks.map((block) => ({ ...handleJson(block), upperKey: jsonBytes(block.upperKey!) }))
    const json: SstIndexJson = { url: source.name, index, problems }
    return printJson(json)
  }
  printTable(blocks, [
    { title: 'offset', align: 'right', cell: ({ offset }) => formatCount(offset) },
    { title: 'size', align: 'right', cell: ({ size }) => formatCount(size) },
    { title: 'keys up to', cell: ({ upperKey }) => keyText(upperKey!, options) },
  ])
  printProblems(problems)
}

async function showBlocks(
  source: RangedSource,
  reader: TableReader | undefined,
  options: SstOptions,
  problems: readonly JsonProblem[],
  note: Note,
): Promise<void> {
  const blocks: BlockJson[] = []
  if (reader) {
    await withProgress('checking', { unit: 'bytes', total: source.size }, async (progress) => {
      for await (const block of reader.blocks({ onDamage: note })) {
        blocks.push(await blockJson(reader, block, note))
        progress.add(block.size)
      }
    })
  }
  if (options.json) {
    const json: SstBlocksJson = { url: source.name, blocks, problems }
    return printJson(json)
  }
  printTable(blocks, [
    { title: 'offset', align: 'right', cell: ({ byteOffset }) => formatCount(byteOffset) },
    { title: 'size', align: 'right', cell: ({ sizeBytes }) => formatCount(sizeBytes) },
    {
      title: 'content',
      align: 'right',
      cell: ({ contentBytes }) => (contentBytes === null ? red('damaged') : formatCount(contentBytes)),
    },
    { title: 'compression', cell: ({ compression }) => compression ?? '' },
    { title: 'kind', cell: ({ kind, name }) => (kind === 'other' && name ? printable(name) : kind) },
    {
      title: 'keys up to',
      cell: ({ upperKey }) => (upperKey ? keyText(Buffer.from(upperKey.base64, 'base64'), options) : ''),
    },
  ])
  printProblems(problems)
}

async function blockJson(reader: TableReader, block: TableBlock, note: Note): Promise<BlockJson> {
  const { kind, name, upperKey } = block
  const common = {
    ...handleJson(block),
    kind,
    ...(name !== undefined && { name }),
    ...(upperKey && { upperKey: jsonBytes(upperKey) }),
  }
  try {
    const { bytes, compression } = await reader.readBlock(block)
    return { ...common, isSound: true, compression, contentBytes: bytes.length }
  } catch (error) {
    note(error)
    return { ...common, isSound: false, compression: null, contentBytes: null }
  }
}

async function showEntries(reader: TableReader, options: SstOptions, note: Note): Promise<void> {
  const lines = new LineWriter()
  const { from, to, limit = Number.POSITIVE_INFINITY } = options
  const progress = process.stdout.isTTY ? undefined : startProgress('reading', { unit: 'entries' })
  let shown = 0
  const isEnough = async (entry: TableEntry) => {
    if (shown === limit) return true
    await lines.write(options.json ? jsonLine(entryJson(entry)) : entryLine(entry, options))
    progress?.add(1)
    shown += 1
    return false
  }
  try {
    const range = { ...(from && { from }), ...(to && { to }) }
    if (limit > 0) {
      for await (const entry of reader.entries({ ...range, onDamage: note })) if (await isEnough(entry)) break
      for await (const entry of reader.rangeDeletions(range)) if (await isEnough(entry)) break
    }
  } catch (error) {
    note(error)
  } finally {
    progress?.end()
    await lines.flush()
  }
}

function entryJson({ userKey, sequence, type, value }: TableEntry): SstEntryJson {
  return {
    key: jsonBytes(userKey),
    sequence: String(sequence),
    type: valueTypeName(type),
    value: jsonBytes(value),
  }
}

/** A tab in a key or a value is escaped: those on the line are ours. */
function entryLine({ userKey, sequence, type, value }: TableEntry, { as }: SstOptions): string {
  const name = valueTypeName(type)
  const shown = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  const end = name === 'rangeDeletion' ? shownKey(value, as) : shownValue(shown, as, { indented: false })
  return `${shownKey(userKey, as)}\t${sequence}\t${name}\t${end}`
}

function footerJson(footer: TableFooter, named: TableReader['metaindex'] | undefined): SstJson['footer'] {
  const { offset, formatVersion, checksum, metaindex, index } = footer
  const indexHandle = index ?? named?.get('rocksdb.index')
  return {
    byteOffset: offset,
    formatVersion,
    checksum,
    metaindex: handleJson(metaindex),
    index: indexHandle ? handleJson(indexHandle) : null,
  }
}

function handleJson({ offset, size }: BlockHandle): HandleJson {
  return { byteOffset: offset, sizeBytes: size }
}

const shownKeyLength = 60

function keyText(key: Uint8Array, { as }: SstOptions): string {
  return shortened(shownKey(key, as), shownKeyLength)
}

function printHeading({ name, size }: RangedSource, footer: TableFooter | undefined): void {
  const format = footer ? `, format version ${footer.formatVersion}, ${footer.checksum}` : ''
  console.log(`${bold(printable(name))}  ${formatBytes(size)}${format}`)
}

function printProblems(problems: readonly JsonProblem[]): void {
  for (const { message } of problems) console.log(`\n${red('damaged:')} ${printableMessage(message)}`)
}
