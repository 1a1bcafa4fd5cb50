/** The CLOUDMANIFEST of a database and the MANIFEST that it names, record by record, as far as each can be read. */
import { setImmediate } from 'node:timers/promises'
import { objectUrl, type Places } from '../cloud/database-place.js'
import {
  type CloudManifest,
  decodeCloudManifest,
  manifestObjectName,
  readCloudManifest,
} from '../format/cloud-manifest.js'
import type { Epoch } from '../format/epoch.js'
import { readLog } from '../format/log-record.js'
import { type Manifest, ManifestBuilder, type PlacedEdit } from '../format/manifest.js'
import { decodeVersionEdit } from '../format/version-edit.js'
import { breathBytes } from './decode-manifest.js'
import type { Problem } from './problem.js'
import {
  decodingProblem,
  maxLooks,
  missingManifest,
  readCloudManifestObject,
  readManifestObject,
  type StateObject,
} from './read-state.js'

export interface ReadManifests {
  /** Undefined: it was not asked for. */
  readonly cloudManifest: EpochRecords | undefined
  /** Not decoded yet: see {@link readEdits}. Undefined: missing, or the CLOUDMANIFEST does not tell which it is. */
  readonly manifest: StateObject | undefined
  /** Of the CLOUDMANIFEST, and that the MANIFEST is missing. */
  readonly problems: readonly Problem[]
}

/** What a CLOUDMANIFEST says. */
export interface EpochRecords {
  readonly url: string
  readonly sizeBytes: number
  /** Up to the first that cannot be read. */
  readonly epochs: readonly EpochRecord[]
}

export interface EpochRecord {
  readonly epoch: Epoch
  /** The number of the first file that it did not write; undefined: it is the current one. */
  readonly endFile: number | undefined
  /** Where its record begins. */
  readonly byteOffset: number
}

/**
 * Reads the CLOUDMANIFEST of a cookie and fetches the MANIFEST that it names; undefined where there is no such
 * CLOUDMANIFEST.
 * @param onObject called for each of the two that was fetched.
 * @throws EnvError what the store fails with, and nothing else.
 */
export async function readManifests(
  places: Places,
  cookie: string,
  { onObject }: { readonly onObject?: () => void } = {},
): Promise<ReadManifests | undefined> {
  let etagBefore: string | undefined
  for (let look = 1; ; look++) {
    const root = await readCloudManifestObject(places, cookie)
    if (!root) return undefined
    onObject?.()
    const { cloudManifest, whole, problems } = readEpochs(root)
    if (!whole) return { cloudManifest, manifest: undefined, problems }

    const manifestName = manifestObjectName(whole)
    const manifest = await readManifestObject(places, manifestName)
    if (manifest) {
      onObject?.()
      return { cloudManifest, manifest, problems }
    }
    // A new owner may have come between our two looks. The same CLOUDMANIFEST again means that the MANIFEST is missing.
    const { etag } = root.object
    if (etag === etagBefore || look === maxLooks) {
      const missing = missingManifest(objectUrl(places[0], manifestName), root.url)
      return { cloudManifest, manifest, problems: [missing] }
    }
    etagBefore = etag
  }
}

function readEpochs(root: StateObject): {
  readonly cloudManifest: EpochRecords
  /** Undefined: its records are not a CLOUDMANIFEST, see {@link problems}. */
  readonly whole: CloudManifest | undefined
  readonly problems: readonly Problem[]
} {
  const { url, object, problem } = root
  const epochs: EpochRecord[] = []
  const cloudManifest = { url, sizeBytes: object.size, epochs }
  const damaged = (found: Problem) => ({ cloudManifest, whole: undefined, problems: [found] })
  if (problem) return damaged(problem)
  try {
    for (const record of readCloudManifest(object.body, url)) {
      const byteOffset = record.start
      if (record.kind === 'past')
        epochs.push({ epoch: record.value.epoch, endFile: record.value.end, byteOffset })
      if (record.kind === 'current') epochs.push({ epoch: record.value, endFile: undefined, byteOffset })
    }
    // Each record is sound. Whether all of them together are a CLOUDMANIFEST it tells, and where that leads.
    return { cloudManifest, whole: decodeCloudManifest(object.body, url), problems: [] }
  } catch (error) {
    return damaged(decodingProblem(error, url))
  }
}

export interface ReadEditsResult {
  /** What all edits together say; undefined where they cannot all be applied. */
  readonly state: Manifest | undefined
  readonly problems: readonly Problem[]
}

/**
 * Decodes a MANIFEST, and hands on each edit as it comes, up to the first that cannot be read: all of them may be more
 * than fits into memory. An edit that contradicts those before it is handed on, as is what follows it.
 */
export async function readEdits(
  manifest: StateObject,
  onEdit: (edit: PlacedEdit) => Promise<void>,
): Promise<ReadEditsResult> {
  const { url, object, problem } = manifest
  if (problem) return { state: undefined, problems: [problem] }
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

  const edits = editsOf(object.body, url)
  let breath = breathBytes
  for (let next = unlessCorrupt(() => edits.next()); next && !next.done; ) {
    const placed = next.value
    if (problems.length === 0) unlessCorrupt(() => builder.add(placed))
    await onEdit(placed)
    if (placed.end > breath) {
      await setImmediate()
      breath = placed.end + breathBytes
    }
    next = unlessCorrupt(() => edits.next())
  }
  const state = problems.length === 0 ? unlessCorrupt(() => builder.build({ tail: 'strict' })) : undefined
  return { state, problems }
}

function* editsOf(bytes: Uint8Array, name: string): Generator<PlacedEdit> {
  for (const { start, end, payload } of readLog(bytes, { name, tail: 'strict' }))
    yield { start, end, edit: decodeVersionEdit(payload, start, name) }
}
