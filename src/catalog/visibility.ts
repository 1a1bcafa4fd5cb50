import type { CloudManifest } from '../format/cloud-manifest.js'
import { type Epoch, epochOf } from '../format/epoch.js'
import { type FileName, type ObjectName, parseObjectName } from '../format/file-name.js'

/** Reports whether the object is a table or blob file that the mapping from file numbers to epochs leads to. */
export function isVisible(
  name: ObjectName | undefined,
  cloudManifest: CloudManifest,
): name is Extract<ObjectName, { readonly kind: 'table' | 'blob' }> {
  return (
    (name?.kind === 'table' || name?.kind === 'blob') && epochOf(cloudManifest, name.number) === name.epoch
  )
}

/** Numbers of the files that a MANIFEST has. */
export interface LiveNumbers {
  readonly liveTables: Numbers
  readonly liveBlobFiles: Numbers
}

type Numbers = Pick<ReadonlySet<number>, 'has'>

/** Reports whether the MANIFEST has the table or blob file. */
export function isLive(
  { kind, ...file }: FileName | ObjectName,
  { liveTables, liveBlobFiles }: LiveNumbers,
): boolean {
  if (!('number' in file)) return false
  return (
    (kind === 'table' && liveTables.has(file.number)) || (kind === 'blob' && liveBlobFiles.has(file.number))
  )
}

/** Reports whether the CLOUDMANIFEST has the epoch, as a past one or the current one. */
export function knowsEpoch(manifest: CloudManifest, epoch: Epoch): boolean {
  return epoch === manifest.current || pastEpochs(manifest).has(epoch)
}

/**
 * Past epochs by CLOUDMANIFEST, collected at the first look-up: there may be a million epochs, and as many objects to
 * look up.
 */
const knownPasts = new WeakMap<CloudManifest, ReadonlySet<Epoch>>()

function pastEpochs(manifest: CloudManifest): ReadonlySet<Epoch> {
  const known = knownPasts.get(manifest) ?? new Set(manifest.past.map(({ epoch }) => epoch))
  knownPasts.set(manifest, known)
  return known
}

/** Reports whether the object of that name was written in the epoch. */
export function isOfEpoch(name: string, epoch: Epoch): boolean {
  const parsed = parseObjectName(name)
  return parsed !== undefined && 'epoch' in parsed && parsed.epoch === epoch
}
