import { checkpointCookie } from '../catalog/checkpoint.js'
import { cloneIdentity } from '../catalog/clone.js'
import { cookieExists, cookiesAmong, noDatabase, placeIsCeded, placeIsTaken } from '../catalog/cookies.js'
import {
  type DatabasePlace,
  databaseUrl,
  isSamePlace,
  objectKey,
  type Places,
} from '../catalog/database-place.js'
import { listObjects, type StateWithFiles } from '../catalog/database-view.js'
import { findState } from '../catalog/find-state.js'
import { readIdentity } from '../catalog/identity.js'
import type { NamedObject } from '../catalog/listed-place.js'
import { putIdentity } from '../catalog/registry.js'
import { type OpenPlace, sourcesMetadata } from '../catalog/sources.js'
import type { StoredFile } from '../catalog/stored-file.js'
import type { Clock } from '../env/clock.js'
import type { StateSelector } from '../env/state-selector.js'
import type { Random } from '../env/system.js'
import { encodeCloudManifest } from '../format/cloud-manifest.js'
import { addEpoch, type Epoch, newEpoch } from '../format/epoch.js'
import { objectName } from '../format/file-name.js'
import { CasObject } from '../store/cas-object.js'
import { assertConditionalPuts } from '../store/probe-conditional.js'
import { isCededAt } from './destruction.js'
import { leftoversOfCreation } from './leftovers.js'
import { OpeningTime } from './opening-time.js'
import { pinPastState, pinPresentState } from './pinned-state.js'
import { Pins, type UnpinnedPlace } from './pins.js'

export interface ForkRequest {
  /** The database, then its source if it is a clone of another program. */
  readonly places: Places
  /** Cookie of the line of history that it is a fork of. */
  readonly cookie: string
  /** A past state to begin with, or a checkpoint. Default: the present state. */
  readonly at?: StateSelector
  /** Where the fork begins: the place of the database for a branch, another for a clone. */
  readonly target: DatabasePlace
  /** Cookie of the fork: new at its place. */
  readonly newCookie: string
}

export interface ForkDependencies {
  readonly clock: Clock
  readonly random: Random
  /** Opens the place of a source that a clone's CLOUDMANIFEST records. */
  readonly openPlace?: OpenPlace
}

export interface Fork {
  readonly epoch: Epoch
  readonly files: ReadonlyMap<string, StoredFile>
  /** Places whose owners may delete what the fork needs. */
  readonly unpinned: readonly UnpinnedPlace[]
}

/**
 * Begins a line of history with a state of a database, which goes on as if nothing had happened: a branch at the same
 * place, under another cookie, or a clone at another place. Copies no table: it writes a MANIFEST and the CLOUDMANIFEST
 * that names it, and for a clone its IDENTITY and its entry in the registry. All is as after an opening with `newCookie`
 * or `source` that wrote nothing.
 * @throws EnvError NotFound: there is no such state. InvalidArgument, Corruption: something lies at the target already.
 *   Busy: the database changes too often.
 */
export async function fork(
  request: ForkRequest,
  { clock, random, openPlace }: ForkDependencies,
): Promise<Fork> {
  const { places, newCookie } = request
  const [own] = places
  const isClone = !isSamePlace(request.target, own)
  const target = isClone ? request.target : own
  const time = new OpeningTime(clock)
  const name = objectName({ kind: 'cloudManifest', cookie: newCookie })
  const objects = await listObjects(target)
  const isTaken = () => (newCookie === '' ? placeIsTaken(target) : cookieExists(target, newCookie))
  if (objects.has(name)) throw (await isCededAt(target, newCookie)) ? placeIsCeded(target) : isTaken()
  if (isClone) await leftoversOfCreation(target, objects, newCookie, { isClone })
  else await assertHasState(request, objects)
  await assertConditionalPuts(target.store, target.path, random)

  const epoch = newEpoch(() => random.bytes(8))
  const holder = isClone ? databaseUrl(target) : `the branch ${databaseUrl(target)}/${name}`
  const manifestName = objectName({ kind: 'manifest', epoch })
  const pins = new Pins({ holder, home: target, written: isClone ? [] : [manifestName], random })
  const { cloudManifest, manifest, manifestBytes, files } = await pinned(request, pins, openPlace)
  let isSent = false
  try {
    const bytes = manifestBytes.subarray(0, manifest.length)
    const metadata = sourcesMetadata(pins.sources)
    await target.store.put(objectKey(target, manifestName), bytes, { metadata })
    const root = new CasObject(target.store, objectKey(target, name), undefined, random)
    await pins.settle()
    time.assertShort(databaseUrl(target))
    const forked = addEpoch(cloudManifest, manifest.lastNextFileNumber, epoch)
    isSent = true
    const outcome = await root.write(encodeCloudManifest(forked), metadata)
    isSent = outcome.kind === 'written'
    if (outcome.kind === 'lost') throw isTaken()
  } catch (error) {
    // A CLOUDMANIFEST that was sent may arrive after any failure: then the pins have to stay.
    if (!isSent) await pins.release()
    throw error
  }
  await pins.releaseHome()
  if (isClone) {
    const identity = cloneIdentity(Buffer.from((await readIdentity(places)) ?? ''), random)
    await putIdentity(target, identity)
  }
  return { epoch, files, unpinned: pins.unpinned }
}

/**
 * A clone that an opening with the option `source` will make has the state of its source until then. A branch beside no
 * CLOUDMANIFEST would keep it from being made.
 */
async function assertHasState(
  { places, cookie }: ForkRequest,
  objects: ReadonlyMap<string, NamedObject>,
): Promise<void> {
  if (cookiesAmong(objects.values()).length === 0)
    throw await noDatabase(places[0], cookie, 'state to begin with')
}

async function pinned(
  { places, cookie, at }: ForkRequest,
  pins: Pins,
  openPlace: OpenPlace | undefined,
): Promise<StateWithFiles> {
  if (at !== undefined && typeof at !== 'string') return pinPastState(places, cookie, at, pins, openPlace)
  const from = at === undefined ? cookie : checkpointCookie(at)
  const view = await pinPresentState(places, from, pins, openPlace)
  if (view) return view
  // Names the checkpoints that there are.
  if (at !== undefined) await findState(places, cookie, at, openPlace)
  throw await noDatabase(places[0], from, 'state to begin with')
}
