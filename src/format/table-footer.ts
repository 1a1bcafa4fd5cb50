import type { BlockHandle } from './block-handle.js'

/** How a table guards its blocks, as RocksDB's `checksum` option names it. */
export type ChecksumType = 'kNoChecksum' | 'kCRC32c' | 'kxxHash' | 'kxxHash64' | 'kXXH3'

/** The last bytes of a table, from which everything else in it is found. */
export interface TableFooter {
  /** Where the footer begins. */
  readonly offset: number
  readonly formatVersion: number
  readonly checksum: ChecksumType
  readonly metaindex: BlockHandle
  /** From format version 6 on the metaindex has it instead. */
  readonly index: BlockHandle | undefined
  /** Makes a checksum depend on where its block lies; 0 below format version 6. */
  readonly baseContextChecksum: number
}
