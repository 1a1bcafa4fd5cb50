import { Command } from '@commander-js/extra-typings'
import { objectUrl, type Places } from '../cloud/database-place.js'
import { EnvError } from '../env/env-error.js'
import { readCloudManifest } from '../format/cloud-manifest.js'
import type { Epoch } from '../format/epoch.js'
import { blobFileName, objectName, tableFileName, walFileName } from '../format/file-name.js'
import { type InternalKey, valueTypeName } from '../format/internal-key.js'
import { readLog } from '../format/log-record.js'
import { type Manifest, readManifest } from '../format/manifest.js'
import { decodeVersionEdit, type NewTable, type VersionEdit } from '../format/version-edit.js'
import { cookiesAt } from './cookies-at.js'
import { exitCode } from './exit-code.js'
import { noDatabase } from './no-database.js'
import { splitObjectUrl } from './object-url.js'
import { bold, cyan, dim, green, red } from './output/colour.js'
import { type JsonBytes, jsonBytes, printJson } from './output/json.js'
import { LineWriter } from './output/line-writer.js'
import { type JsonProblem, jsonProblem } from './output/problem.js'
import {
  counted,
  formatBytes,
  printable,
  printableBytes,
  printableMessage,
  shortened,
} from './output/text.js'
import { withInspectOptions, withPlaces } from './store-options.js'

/** What `cloudenv manifest --json` prints. */
export interface ManifestJson {
  /** The URL that was asked for. */
  readonly url: string
  /** Null where the URL names a MANIFEST. */
  readonly cloudManifest: CloudManifestJson | null
  /** Null where it is missing, or the CLOUDMANIFEST does not tell which it is. */
  readonly manifest: {
    readonly url: string
    readonly sizeBytes: number
    /** Up to the first that cannot be read. */
    readonly edits: readonly EditJson[]
    /** What all edits together say; null where they cannot all be applied. */
    readonly state: ManifestStateJson | null
  } | null
  /** What is damaged or missing. */
  readonly problems: readonly JsonProblem[]
}

export interface CloudManifestJson {
  readonly url: string
  readonly sizeBytes: number
  /** Oldest first; the last is the current one. Up to the first that cannot be read. */
  readonly epochs: readonly {
    readonly epoch: string
    /** The number of the first file that it did not write; null for the current one. */
    readonly endFile: number | null
    /** Where its record begins. */
    readonly byteOffset: number
  }[]
}

/** One edit: a field is left out where the edit does not have it. */
export interface EditJson {
  /** Where its record begins and ends. */
  readonly byteOffset: number
  readonly byteEnd: number
  /** The id of the column family that it speaks of. */
  readonly columnFamily: number
  readonly addedColumnFamily?: string
  readonly dropsColumnFamily?: true
  readonly maxColumnFamily?: number
  readonly comparator?: string
  readonly persistsTimestamps?: boolean
  readonly dbId?: string
  readonly logNumber?: number
  readonly prevLogNumber?: number
  readonly minLogNumberToKeep?: number
  readonly nextFileNumber?: number
  readonly lastSequence?: number
  /** How many edits of an atomic group follow. */
  readonly remainingInGroup?: number
  readonly fullHistoryTimestampLow?: JsonBytes
  readonly deletedTables: readonly { readonly number: number; readonly level: number }[]
  readonly newTables: readonly NewTableJson[]
  readonly newBlobFiles: readonly {
    readonly number: number
    readonly blobs: number
    readonly blobBytes: number
    readonly checksumMethod?: string
    readonly checksum?: JsonBytes
  }[]
  readonly blobGarbage: readonly {
    readonly number: number
    readonly blobs: number
    readonly blobBytes: number
  }[]
  readonly compactCursors: readonly { readonly level: number; readonly key: KeyJson }[]
  readonly addedWals: readonly { readonly number: number; readonly syncedBytes?: number }[]
  readonly deletedWalsBelow?: number
}

/** Times are left out where they are not known. */
export interface NewTableJson {
  readonly number: number
  readonly level: number
  readonly sizeBytes: number
  readonly pathId: number
  readonly smallest: KeyJson
  readonly largest: KeyJson
  /** Digits. */
  readonly smallestSequence?: string
  readonly largestSequence?: string
  readonly oldestBlobFile?: number
  readonly oldestAncestorTime?: string
  readonly fileCreationTime?: string
  readonly epochNumber?: number
  readonly fileChecksum?: JsonBytes
  readonly fileChecksumFunction?: string
  readonly temperature?: number
  /** Two numbers of 64 bits, in digits. */
  readonly uniqueId?: readonly [string, string]
  readonly compensatedRangeDeletionBytes?: number
  readonly tailBytes?: number
  readonly persistsTimestamps: boolean
  readonly isMarkedForCompaction: boolean
}

/** An internal key. */
export interface KeyJson {
  readonly userKey: JsonBytes
  /** Digits. */
  readonly sequence: string
  /** `value`, `deletion`, `merge`, `singleDeletion`, `rangeDeletion`, `blobIndex`, `wideColumnEntity`, … */
  readonly type: string
}

export interface ManifestStateJson {
  readonly columnFamilies: readonly {
    readonly id: number
    readonly name: string
    readonly comparator: string | null
    readonly logNumber: number
    readonly tables: number
    readonly tableBytes: number
  }[]
  readonly blobFiles: number
  readonly dbId: string | null
  readonly nextFileNumber: number
  readonly lastSequence: number
  readonly minLogNumberToKeep: number
}

export const manifestCommand = withInspectOptions(
  new Command('manifest')
    .description('print the CLOUDMANIFEST and the MANIFEST, edit by edit')
    .argument('<url>', 'of a database, or of one of its MANIFESTs: s3://bucket/path/MANIFEST-<epoch>')
    .addHelpText(
      'after',
      `
Each edit is preceded by the byte offset of its record.

Examples:
  cloudenv manifest s3://bucket/prod/orders
  cloudenv manifest s3://bucket/prod/orders/MANIFEST-53b1925fbae26935 --json`,
    ),
).action(async (url, options) => {
  const { databaseUrl, name } = splitObjectUrl(url)
  const isManifest = name?.kind === 'manifest'
  const found = await withPlaces(isManifest ? databaseUrl : url, options, async (places) =>
    isManifest ? readOne(places, objectName(name)) : readState(places, url, options.cookie ?? ''),
  )
  if (options.json) printJson(manifestJson(url, found))
  else await print(found)
  if (found.problems.length > 0) process.exitCode = exitCode.foundWrong
})

interface ReadObject {
  readonly url: string
  readonly bytes: Uint8Array
}

interface Found {
  readonly cloudManifest?: ReadObject & { readonly epochs: CloudManifestJson['epochs'] }
  readonly manifest?: ReadObject & {
    readonly edits: readonly PlacedEdit[]
    readonly state: Manifest | undefined
  }
  readonly problems: readonly JsonProblem[]
}

interface PlacedEdit {
  readonly start: number
  readonly end: number
  readonly edit: VersionEdit
}

/** @throws UsageError there is no database. */
async function readState(places: Places, url: string, cookie: string): Promise<Found> {
  const root = await fetchObject(places, objectName({ kind: 'cloudManifest', cookie }))
  if (!root) throw noDatabase(url, cookie, await cookiesAt(places[0]))
  const { epochs, problems } = readEpochs(root)
  const cloudManifest = { ...root, epochs }
  const current = epochs.at(-1)
  if (current?.endFile !== null) return { cloudManifest, problems }

  const name = objectName({ kind: 'manifest', epoch: current.epoch as Epoch })
  const manifest = await fetchObject(places, name)
  if (manifest) return { cloudManifest, ...readEdits(manifest, problems) }
  const object = objectUrl(places[0], name)
  const message = `${object} is missing, and ${root.url} names it as the database's MANIFEST. Bring that object back`
  return { cloudManifest, problems: [...problems, { code: 'missing', object, message }] }
}

async function readOne(places: Places, name: string): Promise<Found> {
  const manifest = await fetchObject(places, name)
  if (!manifest) throw new EnvError('NotFound', `${objectUrl(places[0], name)} is not there`)
  return readEdits(manifest, [])
}

/** As the survey of a database has it: RocksDB begins a new MANIFEST at 1 GiB. */
const maxBytes = 1.25 * 2 ** 30

async function fetchObject(places: Places, name: string): Promise<ReadObject | undefined> {
  const { getFirst } = await import('../cloud/database-view.js')
  const found = await getFirst(places, name, { offset: 0, length: maxBytes })
  return found && { url: objectUrl(found.place, name), bytes: found.object.body }
}

function readEpochs({ url, bytes }: ReadObject) {
  const epochs: CloudManifestJson['epochs'][number][] = []
  const problems = problemsOf(url, () => {
    for (const record of readCloudManifest(bytes, url)) {
      const byteOffset = record.start
      if (record.kind === 'past')
        epochs.push({ epoch: record.value.epoch, endFile: record.value.end, byteOffset })
      if (record.kind === 'current') epochs.push({ epoch: record.value, endFile: null, byteOffset })
    }
  })
  return { epochs, problems }
}

function readEdits(object: ReadObject, before: readonly JsonProblem[]): Pick<Found, 'manifest' | 'problems'> {
  const { url, bytes } = object
  const edits: PlacedEdit[] = []
  let state: Manifest | undefined
  const problems = problemsOf(url, () => {
    for (const { start, end, payload } of readLog(bytes, { name: url, tail: 'strict' })) {
      edits.push({ start, end, edit: decodeVersionEdit(payload, start, url) })
    }
    state = readManifest(bytes, { name: url, tail: 'strict' })
  })
  return { manifest: { ...object, edits, state }, problems: [...before, ...problems] }
}

function problemsOf(object: string, work: () => void): JsonProblem[] {
  try {
    work()
    return []
  } catch (error) {
    if (!EnvError.is(error, 'Corruption')) throw error
    return [jsonProblem({ code: 'corrupt', object, message: error.message })]
  }
}

function manifestJson(url: string, { cloudManifest, manifest, problems }: Found): ManifestJson {
  return {
    url,
    cloudManifest: cloudManifest
      ? { url: cloudManifest.url, sizeBytes: cloudManifest.bytes.length, epochs: cloudManifest.epochs }
      : null,
    manifest: manifest
      ? {
          url: manifest.url,
          sizeBytes: manifest.bytes.length,
          edits: manifest.edits.map(editJson),
          state: manifest.state ? stateJson(manifest.state) : null,
        }
      : null,
    problems,
  }
}

function editJson({ start, end, edit }: PlacedEdit): EditJson {
  const { dropsColumnFamily, fullHistoryTimestampLow, newTables, newBlobFiles, blobGarbage, ...rest } = edit
  return {
    byteOffset: start,
    byteEnd: end,
    ...rest,
    ...(dropsColumnFamily && { dropsColumnFamily }),
    ...(fullHistoryTimestampLow && { fullHistoryTimestampLow: jsonBytes(fullHistoryTimestampLow) }),
    newTables: newTables.map(newTableJson),
    newBlobFiles: newBlobFiles.map(({ number, blobCount, blobBytes, checksumMethod, checksum }) => ({
      number,
      blobs: blobCount,
      blobBytes,
      ...(checksumMethod !== undefined && { checksumMethod }),
      ...(checksum && { checksum: jsonBytes(checksum) }),
    })),
    blobGarbage: blobGarbage.map(({ number, blobCount, blobBytes }) => ({
      number,
      blobs: blobCount,
      blobBytes,
    })),
    compactCursors: edit.compactCursors.map(({ level, key }) => ({ level, key: keyJson(key) })),
  }
}

function newTableJson(table: NewTable): NewTableJson {
  const { size, smallest, largest, smallestSequence, largestSequence, fileChecksum, uniqueId } = table
  const { oldestAncestorTime, fileCreationTime, compensatedRangeDeletionSize, tailSize, ...rest } = table
  const { number, level, pathId, epochNumber, oldestBlobFile, temperature, fileChecksumFunction } = rest
  return {
    number,
    level,
    sizeBytes: size,
    pathId,
    smallest: keyJson(smallest),
    largest: keyJson(largest),
    ...(smallestSequence !== undefined && { smallestSequence: String(smallestSequence) }),
    ...(largestSequence !== undefined && { largestSequence: String(largestSequence) }),
    ...(oldestBlobFile !== undefined && { oldestBlobFile }),
    ...timeJson('oldestAncestorTime', oldestAncestorTime),
    ...timeJson('fileCreationTime', fileCreationTime),
    ...(epochNumber !== undefined && { epochNumber }),
    ...(fileChecksum && { fileChecksum: jsonBytes(fileChecksum) }),
    ...(fileChecksumFunction !== undefined && { fileChecksumFunction }),
    ...(temperature !== undefined && { temperature }),
    ...(uniqueId && { uniqueId: [String(uniqueId[0]), String(uniqueId[1])] as const }),
    ...(compensatedRangeDeletionSize !== undefined && {
      compensatedRangeDeletionBytes: compensatedRangeDeletionSize,
    }),
    ...(tailSize !== undefined && { tailBytes: tailSize }),
    persistsTimestamps: table.persistsTimestamps,
    isMarkedForCompaction: table.isMarkedForCompaction,
  }
}

/** The latest time that there is to JavaScript. */
const maxSeconds = 8.64e12

function timeJson<Name extends string>(
  name: Name,
  seconds: number | undefined,
): { readonly [K in Name]?: string } {
  if (seconds === undefined || seconds === 0 || seconds > maxSeconds) return {}
  return { [name]: new Date(seconds * 1000).toISOString() } as { readonly [K in Name]: string }
}

function keyJson({ userKey, sequence, type }: InternalKey): KeyJson {
  return { userKey: jsonBytes(userKey), sequence: String(sequence), type: valueTypeName(type) }
}

function stateJson(state: Manifest): ManifestStateJson {
  const { columnFamilies, liveTables, liveBlobFiles, dbId, lastNextFileNumber, lastSequence } = state
  const sums = new Map([...columnFamilies.keys()].map((id) => [id, { tables: 0, tableBytes: 0 }]))
  for (const { columnFamily, size } of liveTables.values()) {
    const sum = sums.get(columnFamily)!
    sum.tables += 1
    sum.tableBytes += size
  }
  return {
    columnFamilies: [...columnFamilies.values()].map(({ id, name, comparator, logNumber }) => ({
      id,
      name,
      comparator: comparator ?? null,
      logNumber,
      ...sums.get(id)!,
    })),
    blobFiles: liveBlobFiles.size,
    dbId: dbId ?? null,
    nextFileNumber: lastNextFileNumber,
    lastSequence,
    minLogNumberToKeep: state.minLogNumberToKeep,
  }
}

async function print({ cloudManifest, manifest, problems }: Found): Promise<void> {
  const lines = new LineWriter()
  if (cloudManifest) {
    await lines.write(heading(cloudManifest))
    for (const { epoch, endFile, byteOffset } of cloudManifest.epochs) {
      const files = endFile === null ? 'current' : `wrote the files below ${endFile}`
      await lines.write(`${offset(byteOffset)}  ${cyan(epoch === '' ? 'no epoch' : epoch)}  ${files}`)
    }
    await lines.write('')
  }
  if (manifest) {
    await lines.write(heading(manifest))
    const families = new Map([[0, 'default']])
    for (const placed of manifest.edits)
      for (const line of editLines(placed, families)) await lines.write(line)
    if (manifest.state) await lines.write(`\n${summary(manifest.state)}`)
  }
  for (const { message } of problems) await lines.write(`\n${red('damaged:')} ${printableMessage(message)}`)
  await lines.flush()
}

function heading({ url, bytes }: ReadObject): string {
  return `${bold(printable(url))}  ${formatBytes(bytes.length)}`
}

function offset(bytes: number): string {
  return dim(`@${bytes}`.padEnd(8))
}

/** The first line has the offset, the others are as far to the right. */
function editLines({ start, edit }: PlacedEdit, families: Map<number, string>): string[] {
  const { columnFamily, addedColumnFamily } = edit
  if (addedColumnFamily !== undefined) families.set(columnFamily, addedColumnFamily)
  const family = shortened(printable(families.get(columnFamily) ?? `column family ${columnFamily}`), 40)
  const lines = [
    [cyan(family), ...numberFields(edit)].join('  '),
    ...edit.deletedTables.map(
      ({ number, level }) => `  ${red(`- ${tableFileName(number)}`)}  level ${level}`,
    ),
    ...edit.newTables.map((table) => `  ${green(`+ ${tableFileName(table.number)}`)}  ${tableText(table)}`),
    ...edit.newBlobFiles.map(
      ({ number, blobCount, blobBytes }) =>
        `  ${green(`+ ${blobFileName(number)}`)}  ${counted(blobCount, 'blob')}, ${formatBytes(blobBytes)}`,
    ),
    ...edit.blobGarbage.map(
      ({ number, blobCount, blobBytes }) =>
        `  ${blobFileName(number)}  ${counted(blobCount, 'blob')} of it, ${formatBytes(blobBytes)}, are garbage`,
    ),
    ...edit.compactCursors.map(
      ({ level, key }) => `  compaction of level ${level} goes on at ${keyText(key)}`,
    ),
    ...edit.addedWals.map(
      ({ number, syncedBytes }) =>
        `  + ${walFileName(number)}${syncedBytes === undefined ? '' : `  synced up to ${formatBytes(syncedBytes)}`}`,
    ),
  ]
  return lines.map((line, at) => `${at === 0 ? offset(start) : ' '.repeat(8)}  ${line}`)
}

function numberFields(edit: VersionEdit): string[] {
  const field = (label: string, value: unknown) => (value === undefined ? [] : [`${label} ${value}`])
  return [
    ...(edit.addedColumnFamily === undefined ? [] : [`added as ${edit.columnFamily}`]),
    ...(edit.dropsColumnFamily ? [red('dropped')] : []),
    ...field('comparator', edit.comparator && printable(edit.comparator)),
    ...field('db id', edit.dbId && printable(edit.dbId)),
    ...field('log', edit.logNumber),
    ...field('previous log', edit.prevLogNumber),
    ...field('keep logs from', edit.minLogNumberToKeep),
    ...field('next file', edit.nextFileNumber),
    ...field('last sequence', edit.lastSequence),
    ...field('highest column family', edit.maxColumnFamily),
    ...field('logs gone below', edit.deletedWalsBelow),
    ...(edit.persistsTimestamps === false ? ['timestamps are not stored'] : []),
    ...field('history from', edit.fullHistoryTimestampLow && printableBytes(edit.fullHistoryTimestampLow)),
    ...field('atomic group, to come:', edit.remainingInGroup),
  ]
}

function tableText(table: NewTable): string {
  const { level, size, smallest, largest, smallestSequence, largestSequence } = table
  const sequences =
    smallestSequence === undefined ? [] : [`sequence ${smallestSequence} … ${largestSequence}`]
  return [
    `level ${level}`,
    formatBytes(size),
    `${keyText(smallest)} … ${keyText(largest)}`,
    ...sequences,
    ...(table.oldestBlobFile === undefined ? [] : [`blobs from ${blobFileName(table.oldestBlobFile)} on`]),
  ].join('  ')
}

const shownKeyLength = 40

function keyText({ userKey }: InternalKey): string {
  return shortened(printableBytes(userKey), shownKeyLength)
}

function summary({ columnFamilies, liveTables, lastNextFileNumber, lastSequence }: Manifest): string {
  const bytes = [...liveTables.values()].reduce((sum, { size }) => sum + size, 0)
  return (
    `Together: ${columnFamilies.size === 1 ? '1 column family' : `${columnFamilies.size} column families`}, ` +
    `${counted(liveTables.size, 'table')} of ${formatBytes(bytes)}, next file ${lastNextFileNumber}, ` +
    `last sequence ${lastSequence}`
  )
}
