import { blobFooterSize, blobHeaderSize } from './blob-file.js'

/** Size of a blob file, of which the MANIFEST counts only the bytes of the blobs. */
export function blobFileSize({ blobBytes }: { readonly blobBytes: number }): number {
  return blobHeaderSize + blobBytes + blobFooterSize
}
