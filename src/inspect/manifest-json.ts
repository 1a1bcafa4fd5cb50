import type { Manifest } from '../catalog/manifest.js'
import type { EpochRecords } from '../catalog/read-manifests.js'
import type { PlacedEdit } from '../catalog/version-edits.js'
import { dateOfSeconds } from '../format/date-of-seconds.js'
import type { Epoch } from '../format/epoch.js'
import { type InternalKey, valueTypeName } from '../format/internal-key.js'
import type { NewTable } from '../format/version-edit.js'
import { type JsonBytes, jsonBytes } from './json-bytes.js'
import type { JsonProblem } from './problem-json.js'

/** Output of `cloudenv manifest --json`. */
export interface ManifestJson {
  /** URL that was requested. */
  readonly url: string
  /** Null if the URL names a MANIFEST. */
  readonly cloudManifest: CloudManifestJson | null
  /** Null if it is missing, or if the CLOUDMANIFEST does not say which one it is. */
  readonly manifest: {
    readonly url: string
    readonly sizeBytes: number
    /** Edits up to the first that cannot be read. */
    readonly edits: readonly EditJson[]
    /** State after all edits; null if they cannot all be applied. */
    readonly state: ManifestStateJson | null
  } | null
  /** Damaged or missing objects. */
  readonly problems: readonly JsonProblem[]
}

export interface CloudManifestJson {
  readonly url: string
  readonly sizeBytes: number
  /** Epochs, oldest first, up to the first that cannot be read; the last is the current one. */
  readonly epochs: readonly {
    readonly epoch: Epoch
    /** Number of the first file that the epoch did not write; null for the current one. */
    readonly endFile: number | null
    /** Offset of its record. */
    readonly byteOffset: number
  }[]
}

/** One edit: a field is left out if the edit does not have it. */
export interface EditJson {
  /** Offset of its record. */
  readonly byteOffset: number
  readonly byteEnd: number
  /** Id of the column family that the edit is about. */
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
  /** Number of edits of an atomic group that follow. */
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

/** Unknown times are left out. */
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
  /** Two 64-bit numbers, in digits. */
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

export function cloudManifestJson({ epochs, ...object }: EpochRecords): CloudManifestJson {
  return {
    ...object,
    epochs: epochs.map((record) => ({ ...record, endFile: record.endFile ?? null })),
  }
}

export function editJson({ start, end, edit }: PlacedEdit): Omit<EditJson, 'newTables'> {
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

/** Tables one after another: the first edit of a MANIFEST has all tables that existed when it was begun. */
export function* newTablesJson({ newTables }: PlacedEdit['edit']): Generator<NewTableJson> {
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

export function stateJson(state: Manifest): ManifestStateJson {
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
