import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { crc32c } from '../format/crc32c.js'
import { base64Crc32 } from './s3-body.js'

/** The checksums that S3 may have stored with an object, base64. */
export interface ObjectChecksums {
  readonly ChecksumCRC32?: string | undefined
  readonly ChecksumCRC32C?: string | undefined
  readonly ChecksumSHA1?: string | undefined
  readonly ChecksumSHA256?: string | undefined
}

/**
 * Reports whether a whole object matches the checksums stored with it. CRC64NVME is left to TLS, as Node.js has no
 * native code for it. Objects written in parts may have a checksum of checksums, `…-N`, which proves nothing here.
 */
export function hasChecksums(body: Uint8Array, stored: ObjectChecksums): boolean {
  const matches = (checksum: string | undefined, compute: () => string) =>
    checksum === undefined || checksum.includes('-') || checksum === compute()
  return (
    matches(stored.ChecksumCRC32, () => base64Crc32(crc32(body))) &&
    matches(stored.ChecksumCRC32C, () => base64Crc32(crc32c(body))) &&
    matches(stored.ChecksumSHA1, () => createHash('sha1').update(body).digest('base64')) &&
    matches(stored.ChecksumSHA256, () => createHash('sha256').update(body).digest('base64'))
  )
}
