import { objectUrl, type Places } from '../cloud/database-place.js'
import { type Found, getFirst } from '../cloud/database-view.js'
import { EnvError } from '../env/env-error.js'
import { type CloudManifest, decodeCloudManifest } from '../format/cloud-manifest.js'
import { objectName } from '../format/file-name.js'
import { type Manifest, readManifest } from '../format/manifest.js'
import type { StoredObject } from '../store/object-store.js'
import type { Problem } from './problem.js'

/** What the two objects say that make a state of a database; what they reference was not looked for. */
export interface ReadState {
  readonly cookie: string
  /** The URL of the CLOUDMANIFEST. */
  readonly cloudManifestObject: string
  /** Undefined: damaged, see {@link problems}. */
  readonly cloudManifest: CloudManifest | undefined
  readonly cloudManifestModified: Date | undefined
  /** The URL of the MANIFEST that the CLOUDMANIFEST names. */
  readonly manifestObject: string | undefined
  /** Undefined: missing or damaged. */
  readonly manifest: Manifest | undefined
  /** When the last commit was written. */
  readonly manifestModified: Date | undefined
  /** What was read as {@link manifest}. */
  readonly manifestBytes: Uint8Array | undefined
  /** Changes with every commit, and with every change of owner. */
  readonly version: string
  readonly problems: readonly Problem[]
}

/** A record of 40 bytes for each time that the database was opened for writing: 400,000 times. */
const maxCloudManifestBytes = 16 * 2 ** 20
/** RocksDB begins a new MANIFEST at 1 GiB (`max_manifest_file_size`), with an edit that may lie beyond that. */
const maxManifestBytes = 1.25 * 2 ** 30

/**
 * Reads the CLOUDMANIFEST of a cookie and the MANIFEST that it names.
 * @throws EnvError what the store fails with; damage is told in {@link ReadState.problems}.
 */
export async function readState(places: Places, cookie: string): Promise<ReadState> {
  let before: ReadState | undefined
  for (;;) {
    const state = await readOnce(places, cookie)
    // A new owner may have come between our two looks. The same CLOUDMANIFEST again means that it is missing.
    const isGone = state.cloudManifest !== undefined && state.manifestModified === undefined
    if (!isGone || state.version === before?.version) return state
    before = state
  }
}

async function readOnce(places: Places, cookie: string): Promise<ReadState> {
  const rootName = objectName({ kind: 'cloudManifest', cookie })
  const root = await getFirst(places, rootName, { offset: 0, length: maxCloudManifestBytes })
  const cloudManifestObject = objectUrl(root?.place ?? places[0], rootName)
  const unread = {
    cookie,
    cloudManifestObject,
    cloudManifest: undefined,
    cloudManifestModified: root?.object.lastModified,
    manifestObject: undefined,
    manifest: undefined,
    manifestModified: undefined,
    manifestBytes: undefined,
    version: root?.object.etag ?? '',
  }
  if (!root) {
    const message = `${cloudManifestObject} is missing: without it there is no database. Bring that object back`
    return { ...unread, problems: [{ code: 'missing', object: cloudManifestObject, message }] }
  }
  const cloudManifest = decoded(root, cloudManifestObject, (bytes) =>
    decodeCloudManifest(bytes, cloudManifestObject),
  )
  if ('problem' in cloudManifest) return { ...unread, problems: [cloudManifest.problem] }

  const manifestName = objectName({ kind: 'manifest', epoch: cloudManifest.value.current })
  const stored = await getFirst(places, manifestName, { offset: 0, length: maxManifestBytes })
  const manifestObject = objectUrl(stored?.place ?? places[0], manifestName)
  const rooted = { ...unread, cloudManifest: cloudManifest.value, manifestObject }
  if (!stored) {
    const message =
      `${manifestObject} is missing, and ${cloudManifestObject} names it as the database's MANIFEST. ` +
      'Bring that object back, or an earlier version of the CLOUDMANIFEST'
    return { ...rooted, problems: [{ code: 'missing', object: manifestObject, message }] }
  }
  const manifest = decoded(stored, manifestObject, (bytes) =>
    readManifest(bytes, { name: manifestObject, tail: 'strict' }),
  )
  const { etag, lastModified, body } = stored.object
  const read = { ...rooted, manifestModified: lastModified, version: `${root.object.etag} ${etag}` }
  if ('problem' in manifest) return { ...read, problems: [manifest.problem] }
  return { ...read, manifest: manifest.value, manifestBytes: body, problems: [] }
}

function decoded<T>(
  { object: { body, size } }: Found<StoredObject>,
  url: string,
  decode: (bytes: Uint8Array) => T,
): { readonly value: T } | { readonly problem: Problem } {
  const corrupt = (message: string) => ({ problem: { code: 'corrupt', object: url, message } as const })
  if (body.length < size)
    return corrupt(`${url} is corrupt: it has ${size} bytes, more than ${body.length}, the most it may have`)
  try {
    return { value: decode(body) }
  } catch (error) {
    if (!EnvError.is(error, 'Corruption')) throw error
    return corrupt(`${error.message}. Bring an earlier version of the object back`)
  }
}
