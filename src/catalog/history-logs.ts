/**
 * The logs of a database: a MANIFEST is a log of version edits, and each of its beginnings was the whole MANIFEST once.
 * Replaced ones stay for a while: those of past epochs, and those that RocksDB began anew within an epoch.
 */
import type { EnvError } from '../env/env-error.js'
import type { CloudManifest } from '../format/cloud-manifest.js'
import { cutAfter, type Epoch, isDestroyed } from '../format/epoch.js'
import { objectName, parseObjectName } from '../format/file-name.js'
import { databaseUrl, type Places } from './database-place.js'
import { firstWrittenFrom } from './first-written-from.js'
import { type BoundedObject, fetchBounded, maxManifestBytes } from './get-first.js'
import { listPlace } from './listed-place.js'
import { retentionOf } from './retention.js'
import { type OpenPlace, recordedSources, withSources } from './sources.js'
import { fetchManifest, lookAtState, type SoundRoot } from './state-objects.js'
import type { StoredFile } from './stored-file.js'
import { Unreached } from './unreached.js'

/** A MANIFEST of a database, present or past. */
export interface HistoryLog {
  /** Last part of its key. */
  readonly objectName: string
  readonly epoch: Epoch
  /** The CLOUDMANIFEST as it was in that epoch. */
  readonly cloudManifest: CloudManifest
  /**
   * Number of the first file that the epoch did not write; undefined for the current one. Edits beyond it were written
   * by an owner who had been displaced.
   */
  readonly end: number | undefined
  /** Time before which it has no state but that which the log before it ends with; undefined if that one is gone. */
  readonly notBefore: Date | undefined
  /** Time of its last write. */
  readonly notAfter: Date
}

/** The past of a database, as its objects tell it. */
export interface LoggedHistory {
  readonly places: Places
  readonly url: string
  readonly root: SoundRoot
  /** Newest first. */
  readonly logs: readonly HistoryLog[]
  /** Objects directly at the places, by base name. */
  readonly objects: ReadonlyMap<string, StoredFile>
  /** Why those at a source are left out: it can't be reached. */
  readonly unreached: EnvError | undefined
  /** See `firstWrittenFrom`. */
  readonly firstWrittenFrom: (number: number) => Date | undefined
  /** See {@link retentionOf}. */
  readonly retentionMs: number | undefined
  /** The MANIFEST in force, fetched before the objects were listed: these have every file that it names. */
  readonly present: BoundedObject | undefined
}

export interface ReadLogsOptions {
  /** Opens the sources that a clone's CLOUDMANIFEST records. Default: only those among the places are looked at. */
  readonly openPlace?: OpenPlace
  /** Called for each object that is listed. */
  readonly onObject?: () => void
}

/**
 * Reads from the logs of a cookie; undefined if there is no such database.
 *
 * An owner may delete a log meanwhile, which bounds the times of the next one: that is then as if the log had never been
 * there.
 * @param read is called once more for each log that it found gone.
 * @throws EnvError Corruption: the CLOUDMANIFEST is damaged; errors of the store.
 */
export async function readLogs<T>(
  own: Places,
  cookie: string,
  options: ReadLogsOptions,
  read: (logged: LoggedHistory) => Promise<T>,
): Promise<T | undefined> {
  let logged = await findLogs(own, cookie, options)
  while (logged) {
    try {
      return await read(logged)
    } catch (error) {
      if (!(error instanceof LogGone)) throw error
      logged = without(logged, error.log)
    }
  }
  return undefined
}

/** A log was deleted after it had been listed. */
class LogGone extends Error {
  readonly log: HistoryLog

  constructor(log: HistoryLog) {
    super(`${log.objectName} is gone`)
    this.log = log
  }
}

function without(logged: LoggedHistory, { objectName: gone }: HistoryLog): LoggedHistory {
  const objects = new Map(logged.objects)
  objects.delete(gone)
  return { ...logged, objects, logs: logsOf(logged.root.value, objects, logged.firstWrittenFrom) }
}

async function findLogs(
  own: Places,
  cookie: string,
  { openPlace, onObject }: ReadLogsOptions,
): Promise<LoggedHistory | undefined> {
  const look = await lookAtState(own, cookie, (name) => fetchManifest(own, name))
  if (!look) return undefined
  if (!('manifest' in look)) throw look.root.error
  const { root, manifest: present } = look
  if (isDestroyed(root.value)) return undefined
  const places = openPlace ? await withSources(own, recordedSources(root.object), openPlace) : own
  const { objects, unreached } = await listObjects(places, own, onObject)
  const firstWritten = firstWrittenFrom(objects, root.value)
  return {
    places,
    url: databaseUrl(places[0]),
    root,
    logs: logsOf(root.value, objects, firstWritten),
    objects,
    unreached,
    firstWrittenFrom: firstWritten,
    retentionMs: retentionOf(root.object),
    present,
  }
}

/** @param required those of the places that have to be reached. */
async function listObjects(
  places: Places,
  required: Places,
  onObject?: () => void,
): Promise<Pick<LoggedHistory, 'objects' | 'unreached'>> {
  const objects = new Map<string, StoredFile>()
  const unreached = new Unreached()
  for (const place of places) {
    const listing = listPlace(place, onObject)
    const listed = required.includes(place) ? await listing : await unreached.attempt(listing)
    for (const [name, { size, modified }] of listed?.named ?? [])
      if (!objects.has(name)) objects.set(name, { place, objectName: name, size, modified })
  }
  return { objects, unreached: unreached.reason }
}

/** Logs that exist, newest first. Pure. */
export function logsOf(
  cloudManifest: CloudManifest,
  objects: ReadonlyMap<string, Pick<StoredFile, 'modified'>>,
  firstWritten: (number: number) => Date | undefined,
): HistoryLog[] {
  const replaced = replacedNames(objects)
  const found: HistoryLog[] = []
  let begin = 0
  const add = (epoch: Epoch, end: number | undefined, cut: () => CloudManifest) => {
    for (const name of [...(replaced.get(epoch) ?? []), objectName({ kind: 'manifest', epoch })]) {
      const stored = objects.get(name)
      if (!stored) continue
      const before = found.at(-1)
      const notAfter = stored.modified
      // The log before may have gone on: that of another line of history, or of a displaced owner without fencing.
      const first = before?.epoch === epoch ? undefined : firstWritten(begin)
      const notBefore = before && earliest(before.notAfter, notAfter, first)
      found.push({ objectName: name, epoch, end, cloudManifest: cut(), notBefore, notAfter })
    }
    begin = end ?? begin
  }
  for (const [rank, { epoch, end }] of cloudManifest.past.entries())
    add(epoch, end, () => cutAfter(cloudManifest, rank))
  add(cloudManifest.current, undefined, () => cloudManifest)
  return found.reverse()
}

function earliest(...times: readonly (Date | undefined)[]): Date {
  return new Date(Math.min(...times.map((time) => time?.getTime() ?? Number.POSITIVE_INFINITY)))
}

/** Names of MANIFESTs that RocksDB began anew within an epoch, oldest first, by epoch. */
function replacedNames(objects: ReadonlyMap<string, unknown>): Map<Epoch, string[]> {
  const byEpoch = new Map<Epoch, { readonly name: string; readonly number: number }[]>()
  for (const name of objects.keys()) {
    const parsed = name.startsWith('HISTORY-') ? parseObjectName(name) : undefined
    if (parsed?.kind !== 'history') continue
    const known = byEpoch.get(parsed.epoch) ?? []
    known.push({ name, number: parsed.number })
    byEpoch.set(parsed.epoch, known)
  }
  return new Map(
    [...byEpoch].map(([epoch, found]) => [
      epoch,
      found.sort((a, b) => a.number - b.number).map(({ name }) => name),
    ]),
  )
}

/** A log and its content. */
export interface FetchedLog {
  readonly log: HistoryLog
  readonly content: BoundedObject
}

/**
 * Fetches logs, newest first, one at a time, for {@link readLogs}. A copy of the beginning of a newer one is left out:
 * the commit that was to replace it never came.
 * @param wanted tells which ones are worth a request. Default: all.
 */
export async function* fetchLogs(
  { places, logs, present }: LoggedHistory,
  wanted: (log: HistoryLog) => boolean = () => true,
): AsyncGenerator<FetchedLog> {
  let newer: FetchedLog | undefined
  for (const [at, log] of logs.entries()) {
    if (!wanted(log)) continue
    const content =
      at === 0 && present?.name === log.objectName
        ? present
        : await fetchBounded(places, log.objectName, maxManifestBytes, (found) => found)
    if (!content) throw new LogGone(log)
    if (newer?.log.epoch === log.epoch && isBeginning(newer.content, content)) continue
    newer = { log, content }
    yield newer
    if (logs[at + 1]?.epoch !== log.epoch) newer = undefined
  }
}

function isBeginning(a: BoundedObject, b: BoundedObject): boolean {
  const length = Math.min(a.object.body.length, b.object.body.length)
  return Buffer.compare(a.object.body.subarray(0, length), b.object.body.subarray(0, length)) === 0
}
