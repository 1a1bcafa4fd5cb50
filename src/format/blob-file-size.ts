import { blobFooterSize, blobHeaderSize } from './blob-file.js'

/** How many bytes a blob file has, of which the MANIFEST counts those of the blobs. */
export function blobFileSize({ blobBytes }: { readonly blobBytes: number }): number {
  return blobHeaderSize + blobBytes + blobFooterSize
}
