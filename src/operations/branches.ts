import { checkpointCookie, checkpointName } from '../catalog/checkpoint.js'
import { listCookies } from '../catalog/cookies.js'
import { type DatabasePlace, databaseUrl, objectKey } from '../catalog/database-place.js'
import { removePin } from '../catalog/pin.js'
import { readState } from '../catalog/read-state.js'
import { locationsOf, withRooted } from '../catalog/rooted-places.js'
import {
  forEachPin,
  type LeftPin,
  type OpenPlace,
  type RecordedSource,
  recordedSources,
} from '../catalog/sources.js'
import { readRoot } from '../catalog/state-objects.js'
import { ArgumentError } from '../env/argument-error.js'
import { EnvError } from '../env/env-error.js'
import { manifestObjectName } from '../format/cloud-manifest.js'
import { objectName } from '../format/file-name.js'
import type { StoreOptions } from '../store/registry.js'
import type { SourceOptions } from './source-options.js'

/** A line of history of a database: an element of the output of `cloudenv branch ls --json`. */
export interface Branch {
  /** Empty for the plain CLOUDMANIFEST. */
  readonly cookie: string
  /** Name of the checkpoint that it is; null if it is none. */
  readonly checkpoint: string | null
  /** Null: its CLOUDMANIFEST is damaged. */
  readonly epoch: string | null
  /** Time of its last commit. Null: it is damaged. */
  readonly committed: Date | null
  readonly tables: number
}

/** Lines of history of a database: the plain one, branches and checkpoints, in the order of their cookies. */
export async function listBranches(url: string, options: StoreOptions = {}): Promise<readonly Branch[]> {
  return await inPlace(url, options, async (place) => {
    const branches: Branch[] = []
    for (const cookie of await listCookies(place)) {
      const { cloudManifest, manifest, manifestModified } = await readState([place], cookie)
      branches.push({
        cookie,
        checkpoint: checkpointName(cookie) ?? null,
        epoch: cloudManifest?.current ?? null,
        committed: manifestModified ?? null,
        tables: manifest?.liveTables.size ?? 0,
      })
    }
    return branches
  })
}

/** How to reach the store of the database, and the sources of one that is a clone: their pins go with the branch. */
export type RemoveOptions = StoreOptions & SourceOptions

export interface RemovedBranch {
  /** Pins of a clone's branch that stay at sources which can't be reached: remove these objects by hand. */
  readonly leftPins: readonly LeftPin[]
}

/**
 * Removes a branch. Whoever has it open for writing finds out at the next commit. What only it needed becomes garbage,
 * which an owner or `cloudenv gc --delete` deletes later.
 *
 * @param cookie of the branch, not that of the database itself.
 * @throws EnvError NotFound: there is no such branch.
 */
export async function removeBranch(
  url: string,
  cookie: string,
  options: RemoveOptions = {},
): Promise<RemovedBranch> {
  return await inPlace(url, options, (place, openPlace) => removeBranchAt(place, cookie, openPlace))
}

/** {@link removeBranch}, of the database at a place. Interrupted, it may be repeated until the branch is gone. */
export async function removeBranchAt(
  place: DatabasePlace,
  cookie: string,
  openPlace: OpenPlace,
): Promise<RemovedBranch> {
  if (cookie === '')
    throw new ArgumentError(
      `${databaseUrl(place)}: the plain CLOUDMANIFEST is no branch, and nothing would be left of the database without it`,
    )
  const roots = await rootsAt(place)
  const root = roots.get(cookie)
  if (!root) throw noSuchBranch(place, cookie, [...roots.keys()])
  if (roots.size === 1)
    throw new ArgumentError(
      `${databaseUrl(place)} has no other state than that of ${cookie}, and nothing would be left of the database without ` +
        'it. To delete the database, see docs/running.md',
    )
  roots.delete(cookie)
  const { manifest, sources } = root
  const leftPins = await forEachPin(sources, openPlace, removePin)
  await place.store.deleteMany([objectKey(place, objectName({ kind: 'cloudManifest', cookie }))])
  if (manifest !== undefined && ![...roots.values()].some((other) => other.manifest === manifest))
    await place.store.deleteMany([objectKey(place, manifest)])
  return { leftPins }
}

interface Root {
  /** Name of its MANIFEST; undefined: damaged. */
  readonly manifest: string | undefined
  readonly sources: readonly RecordedSource[]
}

/** Lines of history, by cookie. */
async function rootsAt(place: DatabasePlace): Promise<Map<string, Root>> {
  const roots = new Map<string, Root>()
  for (const cookie of await listCookies(place)) {
    const root = await readRoot([place], cookie)
    if (!root) continue
    const manifest = root.error ? undefined : manifestObjectName(root.value)
    roots.set(cookie, { manifest, sources: recordedSources(root.object) })
  }
  return roots
}

function noSuchBranch(place: DatabasePlace, cookie: string, cookies: readonly string[]): EnvError {
  const checkpoint = checkpointName(cookie)
  const others =
    checkpoint === undefined
      ? cookies.filter((other) => other !== '' && checkpointName(other) === undefined)
      : cookies.flatMap((other) => checkpointName(other) ?? [])
  const noun = checkpoint === undefined ? 'branch' : 'checkpoint'
  const name = JSON.stringify(checkpoint ?? cookie)
  const known = others.length === 0 ? '' : `. It has ${others.slice(0, maxNamed).join(', ')}`
  return new EnvError('NotFound', `${databaseUrl(place)} has no ${noun} ${name}${known}`)
}

const maxNamed = 10

/** @throws EnvError NotFound: there is no such checkpoint. */
export async function removeCheckpoint(
  url: string,
  name: string,
  options: RemoveOptions = {},
): Promise<RemovedBranch> {
  return await removeBranch(url, checkpointCookie(name), options)
}

async function inPlace<T>(
  url: string,
  { source, sourceStore, ...store }: RemoveOptions,
  work: (place: DatabasePlace, openPlace: OpenPlace) => Promise<T>,
): Promise<T> {
  const locations = locationsOf(url, source, store, sourceStore)
  return await withRooted(locations, ({ places: [place], openPlace }) => work(place, openPlace))
}
