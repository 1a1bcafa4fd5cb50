import type { ObjectInfo } from '../store/object-store.js'

/**
 * User metadata of a CLOUDMANIFEST: milliseconds for which its owner keeps what the database no longer needs. The next
 * owner may say something else.
 */
export const retentionMark = 'cloudenv-retention-ms'

/** What the owner said when it wrote the CLOUDMANIFEST; undefined if it said nothing, as rocksdb-cloud does. */
export function retentionOf({ metadata }: Pick<ObjectInfo, 'metadata'>): number | undefined {
  const text = metadata[retentionMark] ?? ''
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
