import { EnvError } from '../env/env-error.js'
import type { StateSelector } from '../env/state-selector.js'
import type { CloudManifest } from '../format/cloud-manifest.js'
import { epochOf } from '../format/epoch.js'
import { blobFileName, objectName, tableFileName } from '../format/file-name.js'
import { checkpointCookie, checkpointName } from './checkpoint.js'
import { listCookies, noDatabase } from './cookies.js'
import { databaseUrl, type Places } from './database-place.js'
import { readView, type StateWithFiles } from './database-view.js'
import { decodeManifest } from './decode-manifest.js'
import { readableStates } from './history.js'
import { type FetchedLog, fetchLogs, type HistoryLog, type LoggedHistory, readLogs } from './history-logs.js'
import type { HistoryState } from './history-states.js'
import type { Manifest } from './manifest.js'
import { type OpenPlace, type RecordedSource, recordedSources } from './sources.js'
import type { StoredFile } from './stored-file.js'

/** A state that a selector leads to. */
export interface FoundState extends StateWithFiles {
  readonly manifest: Manifest
  /** Sources that the CLOUDMANIFEST records. */
  readonly sources: readonly RecordedSource[]
  /** The same for the same state: the log, and the part of it that is the MANIFEST. */
  readonly id: string
  /** Undefined for a checkpoint. */
  readonly found: HistoryState | undefined
  /**
   * Time until which it was the present state at least, by the store's clock; undefined if it is the present state, as
   * that of a checkpoint is.
   */
  readonly presentUntil: Date | undefined
  /** Milliseconds for which the owner keeps what a past state needs; undefined: unknown. */
  readonly retentionMs: number | undefined
}

/**
 * Finds a state that can be opened.
 * @throws EnvError NotFound: there is no such state, or part of it is gone; the message says which states there are.
 *   Corruption: the CLOUDMANIFEST is damaged, or a checkpoint is.
 * @param openPlace opens the sources of a clone. Default: only those among the places are looked at.
 */
export async function findState(
  places: Places,
  cookie: string,
  at: StateSelector,
  openPlace?: OpenPlace,
): Promise<FoundState> {
  if (typeof at === 'string') return findCheckpoint(places, at, openPlace)
  const found = await readLogs(places, cookie, { ...(openPlace && { openPlace }) }, async (logged) => {
    const latest = await findLatest(logged, wantedBy(at))
    if (!latest?.state.isOpenable) throw logged.unreached ?? (await notFound(logged, at, latest?.state))
    return open(logged, latest)
  })
  if (!found) throw await noDatabase(places[0], cookie, objectName({ kind: 'cloudManifest', cookie }))
  return found
}

async function findCheckpoint(places: Places, name: string, openPlace?: OpenPlace): Promise<FoundState> {
  const cookie = checkpointCookie(name)
  const view = await readView(places, cookie, openPlace)
  if (view) {
    const { cloudManifest, manifestBytes, manifestName, sources, files } = view
    const id = `${manifestName}-${manifestBytes.length}`
    return {
      cloudManifest,
      manifest: await decodeManifest(manifestBytes, { name: manifestName }),
      manifestBytes,
      files,
      sources,
      id,
      found: undefined,
      presentUntil: undefined,
      retentionMs: undefined,
    }
  }
  const names = (await listCookies(places[0]))
    .map(checkpointName)
    .filter((other) => other !== undefined)
    .map((other) => JSON.stringify(other))
  const others = names.length === 0 ? 'It has none' : `It has ${names.slice(0, maxNamed).join(', ')}`
  throw new EnvError(
    'NotFound',
    `${databaseUrl(places[0])} has no checkpoint ${JSON.stringify(name)}. ${others}`,
  )
}

const maxNamed = 10

/** Tells which states may be the one: all from the first on, up to the first that may not. */
interface Wanted {
  isWanted(state: HistoryState): boolean
  /** Reports whether a state that is not wanted may be the one all the same: nothing tells when it was committed. */
  isUncertain(state: HistoryState): boolean
  /** False for a log that certainly has no such state. */
  mayHave(log: HistoryLog): boolean
}

function wantedBy(at: Date | bigint | number): Wanted {
  if (at instanceof Date)
    return {
      isWanted: ({ time }) => time !== undefined && time <= at,
      isUncertain: ({ notBefore }) => notBefore !== undefined && notBefore < at,
      mayHave: ({ notBefore }) => !notBefore || notBefore <= at,
    }
  return { isWanted: ({ sequence }) => sequence <= at, isUncertain: () => false, mayHave: () => true }
}

interface Latest {
  readonly fetched: FetchedLog
  readonly state: HistoryState
  /** State that followed it in the log. */
  readonly next: HistoryState | undefined
}

async function findLatest(
  logged: LoggedHistory,
  { isWanted, isUncertain, mayHave }: Wanted,
): Promise<Latest | undefined> {
  for await (const fetched of fetchLogs(logged, mayHave)) {
    let latest: HistoryState | undefined
    let next: HistoryState | undefined
    for await (const state of readableStates(fetched, logged, [])) {
      if (isWanted(state)) latest = state
      else if (latest) {
        // The files that would tell are gone. The state before is no answer to who asks for this one.
        if (!state.isOpenable && isUncertain(state)) latest = state
        else next = state
        break
      }
    }
    if (latest) return { fetched, state: latest, next }
  }
  return undefined
}

async function open(logged: LoggedHistory, { fetched, state, next }: Latest): Promise<FoundState> {
  const { log, content } = fetched
  // A copy: the rest of the log need not be held.
  const manifestBytes = Uint8Array.prototype.slice.call(content.object.body, 0, state.manifestLength)
  const manifest = await decodeManifest(manifestBytes, { name: content.url })
  return {
    cloudManifest: log.cloudManifest,
    manifestBytes,
    manifest,
    sources: recordedSources(logged.root.object),
    files: filesOf(manifest, log.cloudManifest, logged.objects),
    id: `${log.objectName}-${state.manifestLength}`,
    found: state,
    presentUntil: next ? next.notBefore : logged.logs[logged.logs.indexOf(log) - 1]?.notBefore,
    retentionMs: logged.retentionMs,
  }
}

function filesOf(
  manifest: Manifest,
  cloudManifest: CloudManifest,
  objects: ReadonlyMap<string, StoredFile>,
): Map<string, StoredFile> {
  const files = new Map<string, StoredFile>()
  const add = (fileName: string, kind: 'table' | 'blob', number: number) => {
    const stored = objects.get(objectName({ kind, number, epoch: epochOf(cloudManifest, number) }))
    if (stored) files.set(fileName, stored)
  }
  for (const number of manifest.liveTables.keys()) add(tableFileName(number), 'table', number)
  for (const number of manifest.liveBlobFiles.keys()) add(blobFileName(number), 'blob', number)
  return files
}

/** @param lacking the state that was meant, part of which is gone. */
async function notFound(
  logged: LoggedHistory,
  at: Date | bigint | number,
  lacking: HistoryState | undefined,
): Promise<EnvError> {
  let oldest: HistoryState | undefined
  let newest: HistoryState | undefined
  for await (const fetched of fetchLogs(logged)) {
    let first: HistoryState | undefined
    for await (const state of readableStates(fetched, logged, [])) {
      if (!state.isOpenable) continue
      first ??= state
      if (!newest || newest.manifestObject === state.manifestObject) newest = state
    }
    oldest = first ?? oldest
  }
  const asked = at instanceof Date ? `at ${at.toISOString()}` : `with sequence number ${at} or a lower one`
  const problem = lacking
    ? `the state ${asked}, ${described(lacking)}, can no longer be opened: tables of it are gone`
    : `no state ${asked} is left`
  const range =
    oldest && newest
      ? `The oldest state that can be opened is ${described(oldest)}, the newest ${described(newest)}`
      : 'None can be opened'
  return new EnvError('NotFound', `${logged.url}: ${problem}. ${range}. ${reason(logged)}`)
}

function described({ time, sequence, epoch }: HistoryState): string {
  const when = time ? `of ${time.toISOString()}` : 'of an unknown time'
  return `${when} (sequence number ${sequence}, epoch ${epoch})`
}

function reason({ retentionMs }: LoggedHistory): string {
  return retentionMs === undefined
    ? 'Nobody recorded how long its owner keeps the tables of past states'
    : `Its owner keeps the tables of past states for ${spanText(retentionMs)} (option "retentionDays")`
}

function spanText(ms: number): string {
  const hours = ms / 3_600_000
  return hours >= 48 ? `${rounded(hours / 24)} days` : `${rounded(hours)} h`
}

function rounded(value: number): string {
  return String(Math.round(value * 100) / 100)
}
