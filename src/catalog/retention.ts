import type { ObjectInfo } from '../store/object-store.js'

/**
 * User metadata of a CLOUDMANIFEST: milliseconds for which its owner keeps what the database no longer needs. The next
 * owner may say something else.
 */
const retentionMark = 'cloudenv-retention-ms'

/** Metadata of a CLOUDMANIFEST whose owner deletes nothing sooner. */
export function retentionMetadata(ms: number): Readonly<Record<string, string>> {
  return { [retentionMark]: String(Math.floor(ms)) }
}

/** Retention in a CLOUDMANIFEST, as its owner wrote it; undefined if it says nothing, as that of rocksdb-cloud. */
export function retentionOf({ metadata }: Pick<ObjectInfo, 'metadata'>): number | undefined {
  const text = metadata[retentionMark] ?? ''
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
