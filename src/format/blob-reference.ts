import type { EnvError } from '../env/env-error.js'
import { type CompressionType, compressionType } from './block-compression.js'
import { ByteReader } from './byte-reader.js'

/** Stands in a table for a value that lies in a blob file. `db/blob/blob_index.h` in RocksDB calls it a blob index. */
export interface BlobReference {
  /** Number of the blob file. */
  readonly file: number
  /** Offset of the value in the file. */
  readonly offset: number
  /** Size of the value as stored. */
  readonly size: number
  readonly compression: CompressionType
}

/** Type of the entries that are references. */
export const blobReferenceType = 17
/** The other types expire or are the value itself: RocksDB refuses them in a table. */
const plainReference = 1

/** @throws EnvError what `error` makes of a reason. */
export function decodeBlobReference(value: Uint8Array, error: (reason: string) => EnvError): BlobReference {
  if (value[0] !== plainReference) throw error(`it has a reference to a blob of type ${value[0]}`)
  const reader = new ByteReader(value.subarray(1), error)
  const file = reader.varint64('the number of a blob file')
  const offset = reader.varint64('where a blob begins')
  const size = reader.varint64('the size of a blob')
  const rest = reader.rest()
  const compression = rest.length === 1 ? compressionType(rest[0]!) : undefined
  if (compression === undefined) throw error('it has a reference to a blob of unknown compression')
  return { file, offset, size, compression }
}
