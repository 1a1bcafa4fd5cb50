import type { CloudManifest } from '../format/cloud-manifest.js'
import { epochOf } from '../format/epoch.js'
import type { ObjectName } from '../format/file-name.js'

/** Whether the object is a table or blob file to which the mapping from file numbers to epochs leads. */
export function isVisible(
  name: ObjectName | undefined,
  cloudManifest: CloudManifest,
): name is Extract<ObjectName, { readonly kind: 'table' | 'blob' }> {
  return (
    (name?.kind === 'table' || name?.kind === 'blob') && epochOf(cloudManifest, name.number) === name.epoch
  )
}

/**
 * Whether no epoch leads to the object any more: the MANIFEST of another epoch, a table or blob file that was never
 * committed. Who opens the database for writing deletes it, unless a CLOUDMANIFEST of another cookie may lead there.
 */
export function isUnreachable(name: ObjectName | undefined, cloudManifest: CloudManifest): boolean {
  if (name?.kind === 'manifest') return name.epoch !== cloudManifest.current
  return (name?.kind === 'table' || name?.kind === 'blob') && !isVisible(name, cloudManifest)
}
