/**
 * The two objects that make a state of a database: the CLOUDMANIFEST of a cookie, and the MANIFEST that it names. Every
 * reader of a state looks at them through this file.
 */
import { EnvError } from '../env/env-error.js'
import { type CloudManifest, decodeCloudManifest, manifestObjectName } from '../format/cloud-manifest.js'
import { objectName } from '../format/file-name.js'
import type { Places } from './database-place.js'
import { decodeManifest } from './decode-manifest.js'
import {
  type BoundedObject,
  fetchBounded,
  type InTurn,
  maxCloudManifestBytes,
  maxManifestBytes,
} from './get-first.js'
import type { Manifest } from './manifest.js'

/** Decoded object, or the error that explains why it is not: Corruption or NotSupported. */
export type Decoded<T> = BoundedObject &
  ({ readonly error: EnvError } | { readonly error: undefined; readonly value: T })

/** Result of one look. */
export type StateLook<M> =
  /** The CLOUDMANIFEST cannot be decoded, and leads nowhere. */
  | { readonly root: DamagedRoot }
  | { readonly root: SoundRoot; readonly manifestName: string; readonly manifest: M }

export type SoundRoot = Extract<Decoded<CloudManifest>, { readonly error: undefined }>
export type DamagedRoot = Extract<Decoded<CloudManifest>, { readonly error: EnvError }>

/**
 * Looks once: at the CLOUDMANIFEST first, then at the MANIFEST that it names. An owner may come between and delete that
 * MANIFEST: see {@link untilSettled}.
 * @param readManifest resolves with the object that the name leads to.
 * @returns undefined if there is no CLOUDMANIFEST of that cookie.
 */
export async function lookAtState<M>(
  places: Places,
  cookie: string,
  readManifest: (name: string, root: SoundRoot) => M | Promise<M>,
  inTurn?: InTurn,
): Promise<StateLook<M> | undefined> {
  const root = await readRoot(places, cookie, inTurn)
  if (!root) return undefined
  if (root.error) return { root }
  const manifestName = manifestObjectName(root.value)
  return { root, manifestName, manifest: await readManifest(manifestName, root) }
}

/** CLOUDMANIFEST of a cookie; undefined if there is none. */
export async function readRoot(
  places: Places,
  cookie: string,
  inTurn?: InTurn,
): Promise<Decoded<CloudManifest> | undefined> {
  const name = objectName({ kind: 'cloudManifest', cookie })
  const decode = (found: BoundedObject) =>
    decoded(found, () => decodeCloudManifest(found.object.body, found.url))
  return fetchBounded(places, name, maxCloudManifestBytes, decode, inTurn)
}

/** A MANIFEST that is not decoded yet; undefined if it is missing. */
export async function fetchManifest(places: Places, name: string): Promise<BoundedObject | undefined> {
  return fetchBounded(places, name, maxManifestBytes, (found) => found)
}

/** MANIFEST of that name; undefined if it is missing. */
export async function readStoredManifest(
  places: Places,
  name: string,
): Promise<Decoded<Manifest> | undefined> {
  const found = await fetchManifest(places, name)
  return found && (await decoded(found, () => decodeManifest(found.object.body, { name: found.url })))
}

/** Decodes the object, unless it is too large. @throws any error that is not one of the object. */
export async function decoded<T>(found: BoundedObject, decode: () => T | Promise<T>): Promise<Decoded<T>> {
  if (found.oversized) return { ...found, error: found.oversized }
  try {
    return { ...found, error: undefined, value: await decode() }
  } catch (error) {
    if (EnvError.is(error, 'Corruption') || EnvError.is(error, 'NotSupported')) return { ...found, error }
    throw error
  }
}

/** Competing owners replace each other within seconds; looks follow each other within milliseconds. */
const maxLooks = 5

/**
 * Looks again while apparent damage changes: an owner may have written and deleted between the parts of a look. Damage
 * found twice in the same version is real.
 * @param damagedVersion of a look: changes with every commit and owner; undefined if nothing seems damaged.
 * @returns the last look.
 */
export async function untilSettled<Look>(
  look: () => Promise<Look>,
  damagedVersion: (found: Look) => string | undefined,
): Promise<Look> {
  let before: string | undefined
  for (let looks = 1; ; looks++) {
    const found = await look()
    const version = damagedVersion(found)
    if (version === undefined || version === before || looks === maxLooks) return found
    before = version
  }
}
