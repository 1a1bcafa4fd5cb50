/**
 * A database as it lies in a bucket, damage included, read without changing anything: the CLOUDMANIFESTs and the
 * MANIFESTs that they name, IDENTITY, and one listing. No table is read.
 */
import { setImmediate } from 'node:timers/promises'
import { manifestObjectName } from '../format/cloud-manifest.js'
import { type Epoch, epochOf } from '../format/epoch.js'
import { type ObjectName, objectName } from '../format/file-name.js'
import { cloneAdvice } from './clone.js'
import { cookiesAmong, maxCookies, tooManyCookies } from './cookies.js'
import { identityArrives } from './creation.js'
import { type DatabasePlace, databaseUrl, objectUrl, type Places } from './database-place.js'
import { displacedCommits } from './displaced-commits.js'
import { type Garbage, garbageJudge } from './garbage.js'
import { readIdentity } from './identity.js'
import { type ListedPlace, listPlace } from './listed-place.js'
import type { LiveBlobFile, LiveTable } from './manifest.js'
import { mapLimited } from './map-limited.js'
import { isExpired, type PlacedPin, readPins } from './pin.js'
import { bringBack, type Problem } from './problem.js'
import { type ReadState, StateReader } from './read-state.js'
import { type OpenPlace, withSources } from './sources.js'
import type { StoredFile } from './stored-file.js'
import { tableRange } from './table-range.js'
import { Unreached } from './unreached.js'

export interface Survey {
  readonly places: Places
  /** URL of the database's own place. */
  readonly url: string
  /**
   * Contents of IDENTITY, trimmed; undefined if there is none. The text comes from the bucket: escape it before
   * printing.
   */
  readonly identity: string | undefined
  /** States by cookie, in order, so that the plain one (`''`) comes first. Empty: there is no database. */
  readonly states: ReadonlyMap<string, SurveyedState>
  /** Pins at its own place, expired ones too: who else needs its objects. */
  readonly pins: readonly PlacedPin[]
  /** Objects directly at the places whose names mean something here, and the first 1,000 of the rest. */
  readonly objects: readonly SurveyedObject[]
  /** Number and bytes of all objects at the database's own place whose names mean nothing here. */
  readonly foreign: { readonly objects: number; readonly bytes: number }
}

/** One state of the database, which the CLOUDMANIFEST of one cookie leads to. */
export interface SurveyedState extends ReadState {
  /** Tables that the MANIFEST references, in its order. */
  readonly tables: readonly SurveyedTable[]
  readonly blobFiles: readonly SurveyedBlobFile[]
  /** Problems of the CLOUDMANIFEST, the MANIFEST, and the objects that it references. */
  readonly problems: readonly Problem[]
}

export interface SurveyedTable {
  readonly table: LiveTable
  /** Required name of its object, with the epoch. */
  readonly objectName: string
  readonly epoch: Epoch
  /** Undefined: missing. */
  readonly stored: StoredFile | undefined
}

export interface SurveyedBlobFile {
  readonly blobFile: LiveBlobFile
  readonly objectName: string
  readonly epoch: Epoch
  /** Undefined: missing. */
  readonly stored: StoredFile | undefined
}

/** An object directly at one of the places. */
export interface SurveyedObject {
  readonly place: DatabasePlace
  /** Last part of its key. The text comes from the bucket: escape it before printing. */
  readonly name: string
  /** Meaning of the name; undefined if it means nothing here. */
  readonly parsed: ObjectName | undefined
  readonly size: number
  readonly modified: Date
  readonly role: ObjectRole
}

export type ObjectRole =
  /** Needed by the states of these cookies, and by these holders of pins. IDENTITY belongs to all. */
  | { readonly kind: 'live'; readonly cookies: readonly string[]; readonly holders: readonly string[] }
  | Garbage
  /** A state cannot be read, and might need it. */
  | { readonly kind: 'undecided' }
  /** It lies at the source, which may need it: this database cannot tell. */
  | { readonly kind: 'source' }
  /** Not ours. */
  | { readonly kind: 'foreign' }

export type SurveyedGarbage = SurveyedObject & { readonly role: Garbage }

export function isGarbage(object: SurveyedObject): object is SurveyedGarbage {
  return object.role.kind === 'garbage'
}

export interface SurveyOptions {
  /** Cookie of the state that is read regardless of its size. Default: the first. */
  readonly cookie?: string
  /** Opens the sources that a clone's CLOUDMANIFEST records. Default: what lies there counts as missing. */
  readonly openPlace?: OpenPlace
  /** Present time of the store. Default: when the newest of the objects was written. */
  readonly storeNow?: Date
  /** Called for each object that is listed. */
  readonly onObject?: () => void
}

const concurrentReads = 8

/**
 * Each look takes as long as a commit or longer, so looks at an owner that commits all the time would never end. A sound
 * database hardly ever seems damaged twice.
 */
const maxLooks = 4

/**
 * Looks at the database. Changes that an owner makes meanwhile do not count as damage: apparent damage is looked at
 * again until it stays the same, or {@link maxLooks} times.
 * @throws EnvError only errors of the store.
 */
export async function surveyDatabase(named: Places, options: SurveyOptions = {}): Promise<Survey> {
  const { cookie, openPlace, onObject } = options
  let listed = await listAll(named, onObject)
  const unreached = new Unreached()
  const listReached = () => {
    unreached.reason = undefined
    return listAll(named, onObject, places.slice(named.length), unreached)
  }
  let reader = new StateReader(named)
  let read = await readStates(reader, listed, cookie)
  const sources = read.flatMap((state) => state.sources)
  const places = openPlace ? await withSources(named, sources, openPlace) : named
  if (places.length > named.length) listed = await listReached()
  let states = await located(read, listed)
  for (let look = 1; look < maxLooks && isDamaged(states); look++) {
    // The first listing is older than the states that were read, and may lack objects that they reference. A newer
    // listing lacks nothing: objects that are no longer referenced are kept for a while.
    listed = await listReached()
    states = await located(read, listed)
    if (!isDamaged(states)) break
    const before = versionsOf(read)
    reader = new StateReader(named, reader)
    read = await readStates(reader, listed.slice(0, named.length), cookie)
    states = await located(read, listed)
    if (versionsOf(read) === before) break
  }
  if (unreached.reason && isLacking(states)) throw unreached.reason
  const identified = listed.find(({ named }) => named.has('IDENTITY'))
  if (!identified && !isDamaged(states) && (await identityArrives(places[0], states)))
    return surveyDatabase(named, options)
  const advice = isLacking(states) ? await cloneAdvice(places) : undefined
  if (advice !== undefined) states = await located(read, listed, advice)
  const displaced = await displacedCommits(listed[0], states)
  const pins = await readPins(places[0], listed[0].named.values())
  return {
    places,
    url: databaseUrl(places[0]),
    identity: identified && (await readIdentity([identified.place])),
    states: new Map(states.map((state) => [state.cookie, state])),
    pins,
    objects: withRoles(states, listed, displaced, holdersOf(pins, listed[0], options.storeNow), pins),
    foreign: listed[0].foreign,
  }
}

type Listed = readonly [ListedPlace, ...ListedPlace[]]

/** @param recorded further places, left out where they can't be reached. */
async function listAll(
  [own, ...sources]: Places,
  onObject?: () => void,
  recorded: readonly DatabasePlace[] = [],
  unreached = new Unreached(),
): Promise<Listed> {
  const [first, ...rest] = await Promise.all([
    listPlace(own, onObject),
    ...sources.map((source) => listPlace(source, onObject)),
    ...recorded.map((source) => unreached.attempt(listPlace(source, onObject))),
  ])
  return [first, ...rest.filter((listed) => listed !== undefined)]
}

/** @param wanted is read first, and so regardless of its size. */
async function readStates(
  reader: StateReader,
  listed: readonly ListedPlace[],
  wanted: string | undefined,
): Promise<ReadState[]> {
  const cookies = new Set<string>()
  for (const { place, named } of listed) {
    const own = cookiesAmong(named.values())
    if (own.length > maxCookies) throw tooManyCookies(place)
    for (const cookie of own) cookies.add(cookie)
  }
  const sorted = [...cookies].sort()
  const first = wanted !== undefined && cookies.has(wanted) ? wanted : sorted[0]
  if (first === undefined) return []
  const firstState = await reader.read(first)
  return await mapLimited(sorted, concurrentReads, async (cookie) =>
    cookie === first ? firstState : reader.read(cookie),
  )
}

/** Changes when any of them does. */
function versionsOf(states: readonly ReadState[]): string {
  return JSON.stringify(states.map(({ cookie, version }) => [cookie, version]))
}

function isDamaged(states: readonly SurveyedState[]): boolean {
  return states.some(({ problems }) => problems.length > 0)
}

/** Reports whether a table or blob file is missing. */
function isLacking(states: readonly SurveyedState[]): boolean {
  return states.some(({ tables, blobFiles }) => [...tables, ...blobFiles].some(({ stored }) => !stored))
}

/**
 * States with the objects that they reference, found among those listed.
 * @param advice that may help against missing objects. Default: to bring them back.
 */
async function located(
  states: readonly ReadState[],
  listed: Listed,
  advice?: string,
): Promise<SurveyedState[]> {
  const found: SurveyedState[] = []
  for (const state of states) found.push(await withFiles(state, listed, advice))
  return found
}

/**
 * Number of files after which timers and signals get their turn: looking for them takes some hundredths of a second.
 */
const breathFiles = 5_000

async function withFiles(state: ReadState, listed: Listed, advice?: string): Promise<SurveyedState> {
  const { cloudManifest, manifest } = state
  if (!cloudManifest || !manifest) return { ...state, tables: [], blobFiles: [] }
  const problems = [...state.problems]
  const locate = (kind: 'table' | 'blob', number: number) => {
    const epoch = epochOf(cloudManifest, number)
    const name = objectName({ kind, number, epoch })
    return { objectName: name, epoch, stored: findStored(listed, name) }
  }
  const missing = (name: string) => missingFile(listed, name, advice)

  const tables: SurveyedTable[] = []
  for (const table of manifest.liveTables.values()) {
    if (tables.length % breathFiles === breathFiles - 1) await setImmediate()
    const found = { table, ...locate('table', table.number) }
    const range = tableRange(manifest, table)
    const { stored } = found
    if (!stored) problems.push({ ...missing(found.objectName), range })
    else if (stored.size !== table.size) {
      const object = objectUrl(stored.place, found.objectName)
      const message = `${object} has ${stored.size} bytes, and the MANIFEST says ${table.size}. ${bringBack}`
      problems.push({ code: 'wrongSize', object, message, range })
    }
    tables.push(found)
  }
  const blobFiles: SurveyedBlobFile[] = []
  for (const blobFile of manifest.liveBlobFiles.values()) {
    if (blobFiles.length % breathFiles === breathFiles - 1) await setImmediate()
    const found = { blobFile, ...locate('blob', blobFile.number) }
    if (!found.stored) problems.push(missing(found.objectName))
    blobFiles.push(found)
  }
  return { ...state, tables, blobFiles, problems }
}

function missingFile([own, ...sources]: Listed, name: string, advice = bringBack): Problem {
  const object = objectUrl(own.place, name)
  const where = sources.length > 0 ? 'missing, here and at the source,' : 'missing,'
  const message = `${object} is ${where} and the MANIFEST references it. ${advice}`
  return { code: 'missing', object, message }
}

function findStored(listed: Listed, name: string): StoredFile | undefined {
  for (const { place, named } of listed) {
    const found = named.get(name)
    if (found) return { place, objectName: name, size: found.size, modified: found.modified }
  }
  return undefined
}

function withRoles(
  states: readonly SurveyedState[],
  listed: Listed,
  displaced: ReadonlySet<string>,
  holders: ReadonlyMap<string, readonly string[]>,
  pins: readonly PlacedPin[],
): SurveyedObject[] {
  const [own] = listed
  const needed = neededObjects(states, listed)
  const isUndecided = pins.some(({ pin }) => !pin)
  const judge = garbageJudge(states, {
    objects: own.named,
    isSound: !isDamaged(states),
  })
  const objects: SurveyedObject[] = []
  for (const { place, named, probes, foreignSample } of listed) {
    const leftOver = (name: string, object: Pick<SurveyedObject, 'parsed' | 'modified'>): ObjectRole =>
      place !== own.place
        ? { kind: 'source' }
        : isUndecided
          ? { kind: 'undecided' }
          : judge({ ...object, isDisplaced: displaced.has(name) })
    for (const [name, object] of named) {
      const cookies = needed.get(objectUrl(place, name)) ?? []
      const held = (place === own.place && holders.get(name)) || []
      const isLive = cookies.length > 0 || held.length > 0
      const role = isLive ? ({ kind: 'live', cookies, holders: held } as const) : leftOver(name, object)
      objects.push({ place, name, ...object, role })
    }
    for (const object of probes)
      objects.push({
        place,
        parsed: undefined,
        ...object,
        role: leftOver(object.name, { ...object, parsed: undefined }),
      })
    for (const object of foreignSample)
      objects.push({ place, parsed: undefined, ...object, role: { kind: 'foreign' } })
  }
  return objects
}

/** Holders of pins by the name of each object that they protect, the pins included. */
function holdersOf(
  pins: readonly PlacedPin[],
  { named }: ListedPlace,
  present = new Date(0),
): Map<string, string[]> {
  // No later than the present time of the store: a pin is taken for expired too late rather than too early.
  let storeNow = present
  for (const { modified } of named.values()) if (modified > storeNow) storeNow = modified
  const holders = new Map<string, string[]>()
  for (const { id, written, pin } of pins) {
    if (!pin || isExpired(pin, written, storeNow)) continue
    for (const name of [objectName({ kind: 'pin', id }), ...pin.objects]) {
      const known = holders.get(name)
      if (known) known.push(pin.holder)
      else holders.set(name, [pin.holder])
    }
  }
  return holders
}

/** Cookies of the states that need an object, by its URL. */
function neededObjects(states: readonly SurveyedState[], listed: Listed): Map<string, string[]> {
  const needed = new Map<string, string[]>()
  const need = (name: string, cookie: string) => {
    const place = findStored(listed, name)?.place
    if (!place) return
    const url = objectUrl(place, name)
    const cookies = needed.get(url)
    if (cookies) cookies.push(cookie)
    else needed.set(url, [cookie])
  }
  for (const { cookie, cloudManifest, tables, blobFiles } of states) {
    need(objectName({ kind: 'cloudManifest', cookie }), cookie)
    need('IDENTITY', cookie)
    if (cloudManifest) need(manifestObjectName(cloudManifest), cookie)
    for (const file of [...tables, ...blobFiles]) need(file.objectName, cookie)
  }
  return needed
}
