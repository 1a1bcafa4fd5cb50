import { cookiesAmong } from '../catalog/cookies.js'
import { type DatabasePlace, databaseUrl, objectKey, objectUrl } from '../catalog/database-place.js'
import { readView } from '../catalog/database-view.js'
import {
  type ArrivingFile,
  arrivalOvertaken,
  assertArrived,
  decodeIncomingMark,
  type IncomingMark,
  incomingMarkName,
  removeIncomingMark,
  writeIncomingMark,
} from '../catalog/incoming.js'
import { type ListedPlace, listPlace, type NamedObject } from '../catalog/listed-place.js'
import type { Manifest } from '../catalog/manifest.js'
import { register } from '../catalog/registry.js'
import { localRoot } from '../catalog/remains.js'
import { readRoot } from '../catalog/state-objects.js'
import { knowsEpoch } from '../catalog/visibility.js'
import { unlessNotFound } from '../env/env-error.js'
import type { System } from '../env/system.js'
import { type CloudManifest, encodeCloudManifest, manifestObjectName } from '../format/cloud-manifest.js'
import { encodeDbIdEdit } from '../format/encode-version-edit.js'
import { type Epoch, parseEpoch } from '../format/epoch.js'
import { objectName } from '../format/file-name.js'
import { appendRecord } from '../format/log-record.js'
import { CasObject } from '../store/cas-object.js'
import { assertConditionalPuts } from '../store/probe-conditional.js'
import { OccupiedError } from './occupied-error.js'

export interface ArrivalStart {
  readonly place: DatabasePlace
  /** URL of the database that is copied or imported, for people and to tell it from any other. */
  readonly from: string
  /** Current epoch of the new database. */
  readonly epoch: Epoch
  readonly system: System
}

interface ArrivingState {
  readonly manifest: Pick<Manifest, 'dbId' | 'length'>
  readonly manifestBytes: Uint8Array
}

/**
 * A database that comes to a place in a store from somewhere else, file by file. A mark at the place, written before the
 * first file and deleted after everything else, says what arrives: whoever is interrupted begins again and goes on where
 * the attempt before ended. The CLOUDMANIFEST makes it a database, on the condition that there is none.
 *
 * It gets an id of its own. RocksDB itself would not mind a second database with the same one: keys of its block cache
 * come from the ids of tables, and a checkpoint or backup leaves IDENTITY out, so that its copy gets a new one. But a
 * bucket's registry has one path for each id. rocksdb-cloud's CheckpointToCloud keeps the id, and so overwrites the entry
 * of the original when both are in one bucket, which then fails its check when it is opened again. Nor is it the id of a
 * clone (`<id of the source>rockset…`): that would say that tables lie elsewhere.
 */
export class Arrival {
  readonly identity: string
  /** True if the database is whole already, and only the end of an earlier attempt is missing. */
  readonly isWhole: boolean
  readonly #start: ArrivalStart
  readonly #found: ListedPlace

  private constructor(start: ArrivalStart, found: ListedPlace, identity: string, isWhole: boolean) {
    this.#start = start
    this.#found = found
    this.identity = identity
    this.isWhole = isWhole
  }

  /**
   * Marks the place, or finds the mark of an attempt that was interrupted.
   * @throws OccupiedError, EnvError Busy: somebody else begins at the same time.
   */
  static async begin(start: ArrivalStart): Promise<Arrival> {
    const { place, from, epoch, system } = start
    const found = await listPlace(place)
    const key = objectKey(place, incomingMarkName)
    const stored = await unlessNotFound(place.store.get(key))
    if (!stored) {
      assertEmpty(found)
      await assertConditionalPuts(place.store, place.path, system.random)
      const mark = new CasObject(place.store, key, undefined, system.random)
      const identity = system.random.uuid()
      await writeIncomingMark(mark, place, { from, identity, epoch })
      return new Arrival(start, found, identity, false)
    }
    const present = decodeIncomingMark(stored.body, objectUrl(place, incomingMarkName))
    if (present.from !== from || present.migration) {
      const message =
        `${databaseUrl(place)} holds the part of ${present.from} that has arrived so far. Repeat the copy or import to ` +
        'complete it, or open the database that is being migrated; or remove what lies there, or choose another place'
      throw new OccupiedError(message)
    }
    const arrival = new Arrival(start, found, present.identity, await isWhole(found, present))
    if (arrival.isWhole) await arrival.#finishOther(present.epoch)
    else {
      const mark = new CasObject(place.store, key, stored.etag, system.random)
      await writeIncomingMark(mark, place, { ...present, epoch })
    }
    return arrival
  }

  /**
   * Reports whether an earlier attempt brought the file. Its name and size prove it: an epoch belongs to one period of one
   * database, and a file that its MANIFEST has is never written again under the same name; and the mark says that whatever
   * lies at the place came from there. An object is there whole or not at all.
   */
  has({ objectName, size }: ArrivingFile): boolean {
    return this.#found.named.get(objectName)?.size === size
  }

  /**
   * Makes it a database, once all its files are there.
   * @throws EnvError IOError: a file is missing. Busy: somebody else was quicker.
   */
  async complete(
    cloudManifest: CloudManifest,
    state: ArrivingState,
    files: readonly ArrivingFile[],
  ): Promise<void> {
    const { place, system } = this.#start
    const { store } = place
    await store.put(objectKey(place, 'IDENTITY'), Buffer.from(this.identity))
    const manifestName = manifestObjectName(cloudManifest)
    await store.put(objectKey(place, manifestName), identified(state, this.identity))
    const listed = await listPlace(place)
    assertArrived(listed, files)

    const key = objectKey(place, objectName({ kind: 'cloudManifest', cookie: '' }))
    const root = new CasObject(store, key, undefined, system.random)
    const outcome = await root.write(encodeCloudManifest(cloudManifest))
    if (outcome.kind === 'lost') throw arrivalOvertaken(place)
    await register(this.#start.place, Buffer.from(this.identity))
    // The listing is older than the CLOUDMANIFEST: nobody who opened the database has written any of it.
    await this.#finish(listed, [manifestName, ...files.map((file) => file.objectName)])
  }

  /** Does what an attempt left undone after it had written the CLOUDMANIFEST. */
  async #finishOther(epoch: string): Promise<void> {
    await register(this.#start.place, Buffer.from(this.identity))
    const view = await readView([this.#start.place], '')
    // Otherwise somebody has opened it for writing since.
    if (view?.cloudManifest.current !== epoch) return this.#finish({ named: new Map(), probes: [] }, [])
    const before = ({ modified }: NamedObject) => modified < view.cloudManifestModified
    const older = new Map([...view.objects].filter(([, object]) => before(object)))
    await this.#finish({ named: older, probes: [] }, [
      view.manifestName,
      ...[...view.files.values()].map((file) => file.objectName),
    ])
  }

  /**
   * Deletes what earlier attempts brought and the database does not need, then the mark.
   * @param listed objects that no owner of the database wrote.
   */
  async #finish(listed: Pick<ListedPlace, 'named' | 'probes'>, needed: readonly string[]): Promise<void> {
    const { place } = this.#start
    const { named, probes } = listed
    const spared = new Set(needed)
    const left = [...named].filter(([name, { parsed }]) => 'epoch' in parsed && !spared.has(name))
    const names = [...left.map(([name]) => name), ...probes.map(({ name }) => name)]
    const keys = names.map((name) => objectKey(place, name))
    if (keys.length > 0) await place.store.deleteMany(keys)
    await removeIncomingMark(place)
  }
}

/**
 * Reports whether an attempt wrote the CLOUDMANIFEST.
 * @throws OccupiedError: somebody else did, who had looked at the place before the mark was there.
 */
async function isWhole({ place, named }: ListedPlace, { epoch: written }: IncomingMark): Promise<boolean> {
  if (cookiesAmong(named.values()).length === 0) return false
  const root = await readRoot([place], '')
  const epoch = parseEpoch(written)
  if (root && !root.error && epoch !== undefined && knowsEpoch(root.value, epoch)) return true
  throw new OccupiedError(
    `${databaseUrl(place)} has a database of somebody else by now. Choose another place`,
  )
}

function assertEmpty({ place, named, foreignSample }: ListedPlace): void {
  const isRocksDB = foreignSample.some(({ name }) => name === localRoot)
  if (named.size === 0 && !isRocksDB) return
  const [first = localRoot] = named.keys()
  const isDatabase = cookiesAmong(named.values()).length > 0
  const what = isDatabase ? 'has a database' : `has ${first}, which belongs to a database`
  throw new OccupiedError(`${databaseUrl(place)} ${what}. Choose another place, or remove what lies there`)
}

/** Bytes of the MANIFEST, in which the new id replaces one that is there. IDENTITY has it in any case. */
function identified({ manifest, manifestBytes }: ArrivingState, identity: string): Uint8Array {
  const whole = manifestBytes.subarray(0, manifest.length)
  return manifest.dbId === undefined ? whole : appendRecord(whole, encodeDbIdEdit(identity))
}
