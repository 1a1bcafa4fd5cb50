/** The CLOUDMANIFEST of a database and the MANIFEST that it names, record by record, as far as each can be read. */
import { EnvError } from '../env/env-error.js'
import { readCloudManifest } from '../format/cloud-manifest.js'
import type { Epoch } from '../format/epoch.js'
import { objectUrl, type Places } from './database-place.js'
import { Breath } from './decode-manifest.js'
import type { BoundedObject } from './get-first.js'
import { type Manifest, ManifestBuilder } from './manifest.js'
import { decodingProblem, missingManifest, type Problem } from './problem.js'
import { fetchManifest, lookAtState, untilSettled } from './state-objects.js'
import { type PlacedEdit, versionEdits } from './version-edits.js'

export interface ReadManifests {
  /** Undefined: it was not asked for. */
  readonly cloudManifest: EpochRecords | undefined
  /**
   * Not decoded yet: see {@link readEdits}. Undefined: it is missing, or the CLOUDMANIFEST does not say which one it
   * is.
   */
  readonly manifest: BoundedObject | undefined
  /** Problems of the CLOUDMANIFEST, and of a missing MANIFEST. */
  readonly problems: readonly Problem[]
}

/** Contents of a CLOUDMANIFEST. */
export interface EpochRecords {
  readonly url: string
  readonly sizeBytes: number
  /** Epochs up to the first that cannot be read. */
  readonly epochs: readonly EpochRecord[]
}

export interface EpochRecord {
  readonly epoch: Epoch
  /** Number of the first file that the epoch did not write; undefined: it is the current one. */
  readonly endFile: number | undefined
  /** Offset of its record. */
  readonly byteOffset: number
}

/**
 * Reads the CLOUDMANIFEST of a cookie and fetches the MANIFEST that it names; undefined if there is no such
 * CLOUDMANIFEST.
 * @param onObject called for each of the two that was fetched.
 * @throws EnvError only errors of the store.
 */
export async function readManifests(
  places: Places,
  cookie: string,
  { onObject }: { readonly onObject?: () => void } = {},
): Promise<ReadManifests | undefined> {
  const look = await untilSettled(
    () => lookAtState(places, cookie, (name) => fetchManifest(places, name)),
    (found) => (found && 'manifest' in found && !found.manifest ? found.root.object.etag : undefined),
  )
  if (!look) return undefined
  onObject?.()
  const { root } = look
  const cloudManifest = { url: root.url, sizeBytes: root.object.size, epochs: readEpochs(root) }
  if (!('manifest' in look))
    return { cloudManifest, manifest: undefined, problems: [decodingProblem(look.root.error, root.url)] }
  const { manifest, manifestName } = look
  if (manifest) onObject?.()
  const problems = manifest ? [] : [missingManifest(objectUrl(places[0], manifestName), root.url)]
  return { cloudManifest, manifest, problems }
}

/** Epochs up to the first that cannot be read. Each may be sound even if all of them together make no CLOUDMANIFEST. */
function readEpochs({ object, oversized, url }: BoundedObject): EpochRecord[] {
  const epochs: EpochRecord[] = []
  if (oversized) return epochs
  try {
    for (const record of readCloudManifest(object.body, url)) {
      const byteOffset = record.start
      if (record.kind === 'past')
        epochs.push({ epoch: record.value.epoch, endFile: record.value.end, byteOffset })
      if (record.kind === 'current') epochs.push({ epoch: record.value, endFile: undefined, byteOffset })
    }
  } catch (error) {
    if (!EnvError.is(error)) throw error
  }
  return epochs
}

export interface ReadEditsResult {
  /** State after all edits; undefined if they cannot all be applied. */
  readonly state: Manifest | undefined
  readonly problems: readonly Problem[]
}

/**
 * Decodes a MANIFEST, and hands on each edit as it comes, up to the first that cannot be read: all edits together may
 * not fit into memory. An edit that contradicts earlier ones is handed on, as are the edits after it.
 */
export async function readEdits(
  manifest: BoundedObject,
  onEdit: (edit: PlacedEdit) => Promise<void>,
): Promise<ReadEditsResult> {
  const { url, object, oversized } = manifest
  if (oversized) return { state: undefined, problems: [decodingProblem(oversized, url)] }
  const problems: Problem[] = []
  const builder = new ManifestBuilder(url)
  const unlessCorrupt = <T>(work: () => T): T | undefined => {
    try {
      return work()
    } catch (error) {
      problems.push(decodingProblem(error, url))
      return undefined
    }
  }

  const edits = versionEdits(object.body, { name: url, tail: 'strict' })
  const breath = new Breath()
  for (let next = unlessCorrupt(() => edits.next()); next && !next.done; ) {
    const placed = next.value
    if (problems.length === 0) unlessCorrupt(() => builder.add(placed))
    await onEdit(placed)
    if (breath.isDue(placed.end)) await breath.at(placed.end)
    next = unlessCorrupt(() => edits.next())
  }
  const state = problems.length === 0 ? unlessCorrupt(() => builder.build({ tail: 'strict' })) : undefined
  return { state, problems }
}
