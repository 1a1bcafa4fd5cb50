/** Larger ranges are fetched as several requests at once. */
const maxRequestBytes = 4 * 1024 * 1024
/** Fetched once more, where it lies between what is missing: a request costs as much, and more time. */
const maxGapBytes = 64 * 1024

/** Chunks from `first` to before `end`. */
export interface Run {
  readonly first: number
  readonly end: number
}

/** Division of files into chunks, each of which is there or missing as a whole. */
export class ChunkGrid {
  readonly chunkBytes: number
  readonly maxRequestChunks: number

  /** @param chunkBytes a power of two. */
  constructor(chunkBytes: number) {
    this.chunkBytes = chunkBytes
    this.maxRequestChunks = Math.max(1, maxRequestBytes / chunkBytes)
  }

  /** Chunks that a range of bytes touches. */
  chunksOf(offset: number, length: number): Run {
    const { chunkBytes } = this
    return { first: Math.floor(offset / chunkBytes), end: Math.ceil((offset + length) / chunkBytes) }
  }

  /** Bytes of these chunks, cut at the end of the file. */
  bytesOf({ first, end }: Run, fileSize: number): { offset: number; length: number } {
    const offset = first * this.chunkBytes
    return { offset, length: Math.min(end * this.chunkBytes, fileSize) - offset }
  }

  /**
   * Wanted chunks, in runs that one request may fetch.
   * @param mayRefetch tells of chunks that are not wanted and may come along, to make one request of two.
   */
  wantedRuns(
    { first, end }: Run,
    isWanted: (chunk: number) => boolean,
    mayRefetch: (chunk: number) => boolean = () => false,
  ): Run[] {
    const maxGap = maxGapBytes / this.chunkBytes
    const runs: { readonly first: number; end: number }[] = []
    /** Chunks up to before it may join the last run. */
    let reach = first
    for (let chunk = first; chunk < end; chunk++) {
      const run = runs.at(-1)
      const isNear = run !== undefined && reach === chunk && chunk - run.first < this.maxRequestChunks
      if (isWanted(chunk)) {
        if (isNear) run.end = chunk + 1
        else runs.push({ first: chunk, end: chunk + 1 })
        reach = chunk + 1
      } else if (isNear && chunk + 1 - run.end <= maxGap && mayRefetch(chunk)) reach = chunk + 1
    }
    return runs
  }

  /** Bytes of those chunks of the runs that count; the last chunk of a file does in full. */
  bytesIn(runs: readonly Run[], counts: (chunk: number) => boolean): number {
    let chunks = 0
    for (const { first, end } of runs)
      for (let chunk = first; chunk < end; chunk++) if (counts(chunk)) chunks += 1
    return chunks * this.chunkBytes
  }
}
