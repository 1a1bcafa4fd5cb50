import { readLog } from '../format/log-record.js'
import { decodeVersionEdit, maxEntries, type VersionEdit } from '../format/version-edit.js'

/** An edit, and the offsets in the MANIFEST at which its record begins and ends. */
export interface PlacedEdit {
  readonly start: number
  readonly end: number
  readonly edit: VersionEdit
}

export interface VersionEditsOptions {
  /** Name of the file in errors. Default: `MANIFEST`. */
  readonly name?: string
  /** See {@link readLog}. The default cuts off a torn end, as RocksDB does. */
  readonly tail?: 'strict' | 'recover'
  /** Limit on the fields of one edit. Default: {@link maxEntries}. */
  readonly limit?: number
  /** Offset at which an edit begins: earlier edits are left out. Default 0. */
  readonly from?: number
}

/**
 * Edits of a MANIFEST, in order, not checked against each other.
 * @throws EnvError Corruption, NotSupported: at the first one that cannot be decoded.
 */
export function* versionEdits(
  manifest: Uint8Array,
  { name = 'MANIFEST', tail = 'recover', limit = maxEntries, from = 0 }: VersionEditsOptions = {},
): Generator<PlacedEdit> {
  for (const { start, end, payload } of readLog(manifest, { name, tail, from }))
    yield { start, end, edit: decodeVersionEdit(payload, start, name, limit) }
}
