/**
 * A miss below some 100 KiB costs a request of some milliseconds whatever its size, and a RocksDB block is 4 to 16 KiB:
 * 64 KiB bring the neighbours without extra latency.
 */
export const chunkBytes = 64 * 1024

/** Larger ranges are fetched as several requests at once. */
const maxRequestBytes = 4 * 1024 * 1024
export const maxRequestChunks = maxRequestBytes / chunkBytes

/** Chunks from `first` to before `end`. */
export interface Run {
  readonly first: number
  readonly end: number
}

/** Chunks that a range of bytes touches. */
export function chunksOf(offset: number, length: number): Run {
  return { first: Math.floor(offset / chunkBytes), end: Math.ceil((offset + length) / chunkBytes) }
}

/** Bytes of these chunks, cut at the end of the file. */
export function bytesOf({ first, end }: Run, fileSize: number): { offset: number; length: number } {
  const offset = first * chunkBytes
  return { offset, length: Math.min(end * chunkBytes, fileSize) - offset }
}

/** Wanted chunks, in runs that one request may fetch. */
export function wantedRuns({ first, end }: Run, isWanted: (chunk: number) => boolean): Run[] {
  const runs: { readonly first: number; end: number }[] = []
  for (let chunk = first; chunk < end; chunk++) {
    if (!isWanted(chunk)) continue
    const run = runs.at(-1)
    if (run?.end === chunk && run.end - run.first < maxRequestChunks) run.end += 1
    else runs.push({ first: chunk, end: chunk + 1 })
  }
  return runs
}

/** Bytes of the runs from a chunk on; the last chunk of a file counts in full. */
export function bytesFrom(chunk: number, runs: readonly Run[]): number {
  return runs.reduce((sum, { first, end }) => sum + Math.max(0, end - Math.max(first, chunk)) * chunkBytes, 0)
}
