/** A header of 30 bytes and a footer of 32: `db/blob/blob_log_format.h` in RocksDB. */
const frameBytes = 62

/** How many bytes a blob file has, of which the MANIFEST counts those of the blobs. */
export function blobFileSize({ blobBytes }: { readonly blobBytes: number }): number {
  return blobBytes + frameBytes
}
