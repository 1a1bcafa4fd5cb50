import type { FileHandle } from 'node:fs/promises'
import { mapLimited } from '../catalog/map-limited.js'
import { fetchStored, type StoredFile } from '../catalog/stored-file.js'

/** At 50 MB/s a piece takes 80 ms, some times as long as an answer takes to begin. */
const pieceBytes = 4 * 1024 * 1024
const concurrentPieces = 4

export interface DownloadOptions {
  readonly signal: AbortSignal
  /** Called with the bytes of each piece that arrived. */
  readonly onBytes?: ((bytes: number) => void) | undefined
}

/** Writes a stored file into a local one, in pieces of some MiB. */
export async function download(
  file: StoredFile,
  into: FileHandle,
  { signal, onBytes }: DownloadOptions,
): Promise<void> {
  await mapLimited(pieces(file.size), concurrentPieces, async ({ offset, length }) => {
    signal.throwIfAborted()
    const bytes = await fetchStored(file, offset, length, { signal })
    await into.write(bytes, 0, bytes.length, offset)
    onBytes?.(bytes.length)
  })
}

/** Bytes of a stored file that fits into memory. */
export async function fetchWhole(file: StoredFile, signal: AbortSignal): Promise<Uint8Array> {
  const found = await mapLimited(pieces(file.size), concurrentPieces, ({ offset, length }) =>
    fetchStored(file, offset, length, { signal }),
  )
  return Buffer.concat(found)
}

function pieces(size: number): { readonly offset: number; readonly length: number }[] {
  const count = Math.ceil(size / pieceBytes)
  return Array.from({ length: count }, (_, at) => ({
    offset: at * pieceBytes,
    length: Math.min(pieceBytes, size - at * pieceBytes),
  }))
}
