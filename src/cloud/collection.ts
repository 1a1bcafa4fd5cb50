import { type DatabasePlace, databaseUrl, objectKey } from '../catalog/database-place.js'
import { removePin } from '../catalog/pin.js'
import { listRoots } from '../catalog/roots.js'
import { forEachPin, type OpenPlace, recordedSources } from '../catalog/sources.js'
import {
  isGarbage,
  type Survey,
  type SurveyedGarbage,
  type SurveyedObject,
  surveyDatabase,
} from '../catalog/survey.js'
import { totalSize } from '../catalog/total-size.js'
import { EnvError, unlessNotFound } from '../env/env-error.js'
import type { Random } from '../env/system.js'
import { isCeded, isDestroyed } from '../format/epoch.js'
import { parseObjectName } from '../format/file-name.js'
import { type DeletedObject, finishDestruction } from './destruction.js'
import { abortUploads } from './left-uploads.js'
import { maxOpeningMs } from './opening-time.js'

export interface CollectionOptions {
  /**
   * How long an object has to have been garbage, by the store's clock. Default and at least: as long as the owners of
   * the database keep what they no longer need, and 24 hours if one of them did not say how long that is.
   */
  readonly minAgeMs?: number
  readonly random: Random
  /** Opens the sources that a clone's CLOUDMANIFEST records. */
  readonly openPlace: OpenPlace
  /** Tells the user of something that goes on all the same. */
  warn(message: string): void
  readonly signal?: AbortSignal
  /** Called after each batch. */
  readonly onDeleted?: (objects: number, bytes: number) => void
}

export interface Collection {
  readonly deleted: readonly DeletedObject[]
  /** Garbage that is too young to be deleted, or of which nobody knows for how long it has been garbage. */
  readonly kept: readonly SurveyedObject[]
  readonly minAgeMs: number
}

/** Owners that said nothing: of rocksdb-cloud, whose default is an hour. */
const unknownRetentionMs = 24 * 60 * 60 * 1000
/**
 * An opening or a fork writes objects before its CLOUDMANIFEST. It gives up after {@link maxOpeningMs}, so what is twice
 * as old belongs to none that is under way.
 */
const abandonedMs = 2 * maxOpeningMs
/** As many as one request of S3 takes. */
const batchSize = 1000
/** Each time a line of history or a pin came or went. */
const maxSurveys = 20

/**
 * Deletes the garbage of a database, beside its owners and instead of them: what no state of any cookie and no pin has
 * needed for {@link CollectionOptions.minAgeMs}. Looks for new states and pins before each batch, and begins anew if
 * there are any. May be interrupted and repeated.
 * @throws EnvError Corruption: a state cannot be read or lacks an object; nothing is deleted then. Busy: states come and
 *   go all the time.
 */
export async function collectGarbage(place: DatabasePlace, options: CollectionOptions): Promise<Collection> {
  const { random, openPlace, warn, signal, onDeleted } = options
  const deleted: DeletedObject[] = []
  for (let surveys = 0; surveys < maxSurveys; surveys++) {
    const { version } = await listRoots(place)
    const storeNow = await storeTime(place, random)
    const survey = await surveyDatabase([place], { storeNow, openPlace })
    assertSound(survey)
    const minAgeMs = Math.max(options.minAgeMs ?? 0, retentionOf(survey))

    const due: SurveyedGarbage[] = []
    const kept: SurveyedGarbage[] = []
    for (const object of survey.objects.filter(isGarbage)) {
      if (object.role.reason === 'noDatabase') continue
      if (isDue(object, storeNow, minAgeMs)) due.push(object)
      else kept.push(object)
    }

    /** Returns false if states or pins have come or gone since the survey. */
    async function deleteWhileUnchanged(objects: readonly SurveyedGarbage[]): Promise<boolean> {
      for (let first = 0; first < objects.length; first += batchSize) {
        if ((await listRoots(place)).version !== version) return false
        signal?.throwIfAborted()
        const batch = objects.slice(first, first + batchSize)
        await place.store.deleteMany(batch.map(({ name }) => objectKey(place, name)))
        deleted.push(...batch.map(({ name, size }) => ({ name, size })))
        onDeleted?.(batch.length, totalSize(batch))
      }
      return true
    }

    /** Deletes what is left of destroyed databases, as soon as no clone needs it. */
    async function finishDestructions(storeNow: Date, { states }: Survey): Promise<void> {
      for (const [cookie, { cloudManifest, cloudManifestModified: since }] of states) {
        if (!cloudManifest || !since || !isDestroyed(cloudManifest)) continue
        // Somebody may be at it.
        const ageMs = Math.max(options.minAgeMs ?? 0, isCeded(cloudManifest) ? 0 : abandonedMs)
        if (since.getTime() + ageMs > storeNow.getTime()) continue
        signal?.throwIfAborted()
        const objects = await finishDestruction(place, cookie, { random, openPlace, warn, storeNow })
        deleted.push(...objects)
        onDeleted?.(objects.length, totalSize(objects))
      }
    }

    if (openPlace) await removeAbandonedPins(place, due, survey, openPlace)
    if (!(await deleteWhileUnchanged(due))) continue
    await finishDestructions(storeNow, survey)
    await abortAbandonedUploads(place, survey, storeNow)
    return { deleted, kept, minAgeMs }
  }
  throw new EnvError('Busy', `states of ${databaseUrl(place)} come and go all the time; try later`)
}

function isDue({ role, modified }: SurveyedGarbage, storeNow: Date, minAgeMs: number): boolean {
  const isNobodys = role.reason === 'unknownEpoch' || role.reason === 'probe'
  // No present state ever had it: an opening that has not ended, or a line of history that is gone.
  const since = role.since ?? (isNobodys ? modified : undefined)
  if (!since) return false
  const ageMs = isNobodys ? Math.max(minAgeMs, abandonedMs) : minAgeMs
  return since.getTime() + ageMs <= storeNow.getTime()
}

/**
 * Removes the pins of a clone or branch that was killed just before it wrote its CLOUDMANIFEST: its MANIFEST, which is
 * garbage, says where they are. A pin that can't be removed stays, and its source keeps more than it needs to.
 */
async function removeAbandonedPins(
  place: DatabasePlace,
  garbage: readonly SurveyedGarbage[],
  { states }: Survey,
  openPlace: OpenPlace,
): Promise<void> {
  const used = new Set([...states.values()].flatMap(({ sources }) => sources.map(({ pin }) => pin)))
  for (const { name, parsed, role } of garbage) {
    if (parsed?.kind !== 'manifest' || role.reason !== 'unknownEpoch') continue
    const manifest = await unlessNotFound(place.store.head(objectKey(place, name)))
    const abandoned = manifest ? recordedSources(manifest).filter(({ pin }) => !used.has(pin)) : []
    await forEachPin(abandoned, openPlace, removePin)
  }
}

function assertSound({ url, states, pins }: Survey): void {
  const needy = [...states.values()].filter(
    ({ cloudManifest }) => !cloudManifest || !isDestroyed(cloudManifest),
  )
  const problem = needy.flatMap(({ problems }) => problems)[0]
  if (problem)
    throw new EnvError('Corruption', `nothing in ${url} is garbage for certain: ${problem.message}`)
  const unreadable = pins.find(({ pin }) => !pin)
  if (unreadable)
    throw new EnvError(
      'Corruption',
      `nothing in ${url} is garbage for certain: CLOUDPIN-${unreadable.id} can't be read, which says what somebody else needs. ` +
        'Remove it if nobody does',
    )
}

function retentionOf({ states }: Survey): number {
  const living = [...states.values()].filter(
    ({ cloudManifest }) => !cloudManifest || !isDestroyed(cloudManifest),
  )
  return Math.max(0, ...living.map(({ retentionMs }) => retentionMs ?? unknownRetentionMs))
}

/** Present time of the store: the machine's clock has no say. */
async function storeTime(place: DatabasePlace, random: Random): Promise<Date> {
  const key = objectKey(place, `.cloudenv-probe-${random.uuid()}`)
  try {
    await place.store.put(key, new Uint8Array(1))
    return (await place.store.head(key)).lastModified
  } finally {
    // A leftover harms nobody: a later collection deletes it.
    await place.store.deleteMany([key]).catch(() => undefined)
  }
}

/** Aborts unfinished uploads that nobody completes any more: no listing has them, and their parts cost as much. */
async function abortAbandonedUploads(
  place: DatabasePlace,
  { states }: Survey,
  storeNow: Date,
): Promise<void> {
  const current = new Set([...states.values()].map(({ cloudManifest }) => cloudManifest?.current))
  const before = storeNow.getTime() - abandonedMs
  try {
    await abortUploads(place, (name, { started }) => {
      const parsed = parseObjectName(name)
      const isOurs = parsed !== undefined && 'epoch' in parsed && !current.has(parsed.epoch)
      return isOurs && started.getTime() < before
    })
  } catch (error) {
    // Many stores and roles refuse to list uploads: the garbage is deleted all the same.
    if (!EnvError.is(error)) throw error
  }
}
