/**
 * CRC-32C (Castagnoli), which guards every record of a RocksDB log file. Slicing by eight: eight
 * table look-ups advance eight bytes at once.
 */

const polynomial = 0x82f63b78
const maskDelta = 0xa282ead8

/** Table k at [256 * k, 256 * (k + 1)): the CRC of a byte followed by k zero bytes. */
const tables = buildTables()

function buildTables(): Uint32Array {
  const built = new Uint32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
    built[byte] = crc
  }
  for (let index = 256; index < built.length; index++) {
    const shorter = built[index - 256]!
    built[index] = (shorter >>> 8) ^ built[shorter & 0xff]!
  }
  return built
}

/** CRC of `bytes`; with a `seed`, the CRC of the data with that CRC followed by `bytes`. */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  const t = tables
  let crc = ~seed
  let at = 0
  for (const end = bytes.length - 7; at < end; at += 8) {
    const low = crc ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24))
    crc =
      t[0x700 + (low & 0xff)]! ^
      t[0x600 + ((low >>> 8) & 0xff)]! ^
      t[0x500 + ((low >>> 16) & 0xff)]! ^
      t[0x400 + (low >>> 24)]! ^
      t[0x300 + bytes[at + 4]!]! ^
      t[0x200 + bytes[at + 5]!]! ^
      t[0x100 + bytes[at + 6]!]! ^
      t[bytes[at + 7]!]!
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ t[(crc ^ bytes[at]!) & 0xff]!
  return ~crc >>> 0
}

/** Masks a CRC for storage, so that the CRC of data that holds CRCs stays a good one. */
export function maskCrc(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + maskDelta) >>> 0
}
