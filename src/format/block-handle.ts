import type { ByteReader } from './byte-reader.js'

/** Location of a block in the file of its table. */
export interface BlockHandle {
  readonly offset: number
  /** Bytes as stored, without the trailer. */
  readonly size: number
}

/**
 * Size of the trailer of each block in a table: one byte that says how it is compressed, and a u32 that checks both.
 */
export const blockTrailerSize = 5

export function readBlockHandle(reader: ByteReader): BlockHandle {
  return { offset: reader.varint64('the offset of a block'), size: reader.varint64('the size of a block') }
}
