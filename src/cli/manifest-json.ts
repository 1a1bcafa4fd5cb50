import { dateOfSeconds } from '../format/date-of-seconds.js'
import type { Epoch } from '../format/epoch.js'
import { type InternalKey, valueTypeName } from '../format/internal-key.js'
import type { Manifest, PlacedEdit } from '../format/manifest.js'
import type { NewTable } from '../format/version-edit.js'
import type { Problem } from '../inspect/problem.js'
import type { EpochRecords, ReadManifests } from '../inspect/read-manifests.js'
import type { StateObject } from '../inspect/read-state.js'
import { decodeEdits } from './decode-edits.js'
import { type JsonBytes, jsonBytes } from './output/json.js'
import { LineWriter } from './output/line-writer.js'
import { type JsonProblem, jsonProblem } from './output/problem.js'
import { type Streamed, writeJson, writeMembers } from './output/write-json.js'

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
    readonly epoch: Epoch
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
  readonly newTables: readonly NewTableJson[]
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
  /** ISO 8601. */
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

/**
 * Prints what was found, the MANIFEST as it is decoded: all of it may be longer than a string can be.
 * @returns how many problems there are.
 */
export async function printManifestJson(
  url: string,
  { cloudManifest, ...found }: ReadManifests,
): Promise<number> {
  const lines = new LineWriter()
  const before: Omit<ManifestJson, 'manifest' | 'problems'> = {
    url,
    cloudManifest: cloudManifest ? cloudManifestJson(cloudManifest) : null,
  }
  await lines.writePart('{')
  await writeMembers(lines, before)
  await lines.writePart(',"manifest":')
  const problems = [...found.problems]
  if (found.manifest) problems.push(...(await writeManifest(lines, found.manifest)))
  else await lines.writePart('null')
  const after: Pick<ManifestJson, 'problems'> = { problems: problems.map(jsonProblem) }
  await lines.writePart(',')
  await writeMembers(lines, after)
  await lines.write('}')
  await lines.flush()
  return problems.length
}

function cloudManifestJson({ epochs, ...object }: EpochRecords): CloudManifestJson {
  return {
    ...object,
    epochs: epochs.map((record) => ({ ...record, endFile: record.endFile ?? null })),
  }
}

async function writeManifest(lines: LineWriter, manifest: StateObject): Promise<readonly Problem[]> {
  const { url, object } = manifest
  await lines.writePart('{')
  await writeMembers(lines, { url, sizeBytes: object.size } satisfies ManifestPart)
  await lines.writePart(',"edits":[')
  let separator = ''
  const { state, problems } = await decodeEdits(manifest, async (placed) => {
    await lines.writePart(separator)
    await writeEdit(lines, placed)
    separator = ','
  })
  const after = { state: state ? stateJson(state) : null } satisfies ManifestPart
  await lines.writePart('],')
  await writeMembers(lines, after)
  await lines.writePart('}')
  return problems
}

type ManifestPart = Partial<NonNullable<ManifestJson['manifest']>>

/** The first edit of a MANIFEST has all tables that there were when it was begun. */
async function writeEdit(lines: LineWriter, placed: PlacedEdit): Promise<void> {
  const newTables = newTablesJson(placed.edit)
  await writeJson(lines, { ...editJson(placed), newTables } satisfies Streamed<EditJson>)
}

function editJson({ start, end, edit }: PlacedEdit): Omit<EditJson, 'newTables'> {
  const {
    dropsColumnFamily,
    fullHistoryTimestampLow,
    newTables: _,
    newBlobFiles,
    blobGarbage,
    ...rest
  } = edit
  return {
    byteOffset: start,
    byteEnd: end,
    ...rest,
    ...(dropsColumnFamily && { dropsColumnFamily }),
    ...(fullHistoryTimestampLow && { fullHistoryTimestampLow: jsonBytes(fullHistoryTimestampLow) }),
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

function* newTablesJson({ newTables }: PlacedEdit['edit']): Generator<NewTableJson> {
  for (const table of newTables) yield newTableJson(table)
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

function timeJson<Name extends string>(
  name: Name,
  seconds: number | undefined,
): { readonly [K in Name]?: string } {
  const date = seconds === undefined ? undefined : dateOfSeconds(seconds)
  return (date ? { [name]: date.toISOString() } : {}) as { readonly [K in Name]?: string }
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
