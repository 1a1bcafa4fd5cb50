/**
 * A database as it lies in a bucket, damage included, read without changing anything: the CLOUDMANIFESTs and the
 * MANIFESTs that they name, IDENTITY, and one listing. No table is read.
 */
import { setImmediate } from 'node:timers/promises'
import { type DatabasePlace, databaseUrl, objectUrl, type Places } from '../cloud/database-place.js'
import type { StoredFile } from '../cloud/database-view.js'
import { manifestObjectName } from '../format/cloud-manifest.js'
import { type Epoch, epochOf } from '../format/epoch.js'
import { type ObjectName, objectName } from '../format/file-name.js'
import type { LiveBlobFile, LiveTable } from '../format/manifest.js'
import { cloneAdvice } from './clone.js'
import { type Garbage, garbageJudge } from './garbage.js'
import { readIdentity } from './identity.js'
import { type ListedPlace, listPlace } from './listed-place.js'
import { mapLimited } from './map-limited.js'
import { bringBack, type Problem } from './problem.js'
import { type ReadState, StateReader } from './read-state.js'
import { tableRange } from './table-range.js'

export interface Survey {
  readonly places: Places
  /** Of the database's own place. */
  readonly url: string
  /** What IDENTITY holds, trimmed; undefined where there is none. From the bucket: escape it before it is printed. */
  readonly identity: string | undefined
  /** By cookie, in order, so that the plain one (`''`) comes first. Empty: there is no database. */
  readonly states: ReadonlyMap<string, SurveyedState>
  /** What lies directly at the places and has a name that means something here, and the first 1,000 of the rest. */
  readonly objects: readonly SurveyedObject[]
  /** All objects at the database's own place whose names mean nothing here: how many, and their bytes. */
  readonly foreign: { readonly objects: number; readonly bytes: number }
}

/** One state of the database: what the CLOUDMANIFEST of one cookie leads to. */
export interface SurveyedState extends ReadState {
  /** Those that the MANIFEST references, in its order. */
  readonly tables: readonly SurveyedTable[]
  readonly blobFiles: readonly SurveyedBlobFile[]
  /** Of the CLOUDMANIFEST, the MANIFEST, and what that references. */
  readonly problems: readonly Problem[]
}

export interface SurveyedTable {
  readonly table: LiveTable
  /** The name that its object has to have, with the epoch. */
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
  /** The last part of its key. From the bucket: escape it before it is printed. */
  readonly name: string
  /** What the name says; undefined where it says nothing here. */
  readonly parsed: ObjectName | undefined
  readonly size: number
  readonly modified: Date
  readonly role: ObjectRole
}

export type ObjectRole =
  /** Needed by the states of these cookies. IDENTITY belongs to all. */
  | { readonly kind: 'live'; readonly cookies: readonly string[] }
  | Garbage
  /** A state cannot be read, and might need it. */
  | { readonly kind: 'undecided' }
  /** It lies at the source, which may need it: nothing that this database can tell. */
  | { readonly kind: 'source' }
  /** Nothing of ours, whatever it is. */
  | { readonly kind: 'foreign' }

export interface SurveyOptions {
  /** Its state is read however large it is. Default: the first. */
  readonly cookie?: string
  /** Called for each object that is listed. */
  readonly onObject?: () => void
}

const concurrentReads = 8

/**
 * Each look takes as long as a commit, or longer: an owner that commits all the time would be looked at for ever. One
 * that is sound is hardly ever taken for damaged twice.
 */
const maxLooks = 4

/**
 * Looks at the database. What an owner changes meanwhile is not taken for damage: what seems damaged is looked at again
 * until it stays the same, or {@link maxLooks} times.
 * @throws EnvError what the store fails with, and nothing else.
 */
export async function surveyDatabase(
  places: Places,
  { cookie, onObject }: SurveyOptions = {},
): Promise<Survey> {
  let listed = await listAll(places, onObject)
  let reader = new StateReader(places)
  let read = await readStates(reader, listed, cookie)
  let states = await located(read, listed)
  for (let look = 1; look < maxLooks && isDamaged(states); look++) {
    // The first listing is older than what was read, and may lack what that references. A newer one lacks nothing:
    // what is no longer referenced is kept for a while.
    listed = await listAll(places, onObject)
    states = await located(read, listed)
    if (!isDamaged(states)) break
    const before = versionsOf(read)
    reader = new StateReader(places, reader)
    read = await readStates(reader, listed, cookie)
    states = await located(read, listed)
    if (versionsOf(read) === before) break
  }
  const advice = isLacking(states) ? await cloneAdvice(places) : undefined
  if (advice !== undefined) states = await located(read, listed, advice)
  const identified = listed.find(({ named }) => named.has('IDENTITY'))
  return {
    places,
    url: databaseUrl(places[0]),
    identity: identified && (await readIdentity(identified.place)),
    states: new Map(states.map((state) => [state.cookie, state])),
    objects: withRoles(states, listed),
    foreign: listed[0].foreign,
  }
}

type Listed = readonly [ListedPlace, ...ListedPlace[]]

async function listAll([own, ...sources]: Places, onObject?: () => void): Promise<Listed> {
  const [first, ...rest] = await Promise.all([
    listPlace(own, onObject),
    ...sources.map((source) => listPlace(source, onObject)),
  ])
  return [first, ...rest]
}

/** @param wanted is read first, which means however large it is. */
async function readStates(
  reader: StateReader,
  listed: Listed,
  wanted: string | undefined,
): Promise<ReadState[]> {
  const cookies = new Set<string>()
  for (const { named } of listed)
    for (const { parsed } of named.values()) if (parsed.kind === 'cloudManifest') cookies.add(parsed.cookie)
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

/** Whether a table or blob file is not there. */
function isLacking(states: readonly SurveyedState[]): boolean {
  return states.some(({ tables, blobFiles }) => [...tables, ...blobFiles].some(({ stored }) => !stored))
}

/**
 * The states with what they reference, found among what was listed.
 * @param advice what may help against what is missing. Default: to bring it back.
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

/** After so many files, timers and signals get their turn: to look for them takes some hundredths of a second. */
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

function withRoles(states: readonly SurveyedState[], listed: Listed): SurveyedObject[] {
  const [own] = listed
  const needed = neededObjects(states, listed)
  const judge = garbageJudge(states, { hasSource: listed.length > 1, isSound: !isDamaged(states) })
  const objects: SurveyedObject[] = []
  for (const { place, named, probes, foreignSample } of listed) {
    const leftOver = (object: Pick<SurveyedObject, 'parsed' | 'modified'>): ObjectRole =>
      place === own.place ? judge(object) : { kind: 'source' }
    for (const [name, object] of named) {
      const cookies = needed.get(objectUrl(place, name))
      objects.push({ place, name, ...object, role: cookies ? { kind: 'live', cookies } : leftOver(object) })
    }
    for (const object of probes)
      objects.push({ place, parsed: undefined, ...object, role: leftOver({ ...object, parsed: undefined }) })
    for (const object of foreignSample)
      objects.push({ place, parsed: undefined, ...object, role: { kind: 'foreign' } })
  }
  return objects
}

/** By URL: the cookies of the states that need the object. */
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
