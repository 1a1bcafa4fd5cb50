import { noDatabase } from '../catalog/cookies.js'
import { databaseUrl, type Places } from '../catalog/database-place.js'
import { type DatabaseView, isCurrent, readView } from '../catalog/database-view.js'
import { type FoundState, findState } from '../catalog/find-state.js'
import { pinLifetimeMs } from '../catalog/pin.js'
import type { OpenPlace } from '../catalog/sources.js'
import type { StoredFile } from '../catalog/stored-file.js'
import { EnvError } from '../env/env-error.js'
import type { Pins } from './pins.js'

/** Owners that commit all the time change a state faster than it can be pinned, but hardly ever drop files of it. */
const maxAttempts = 10

/** Allows for a clock that drifts while an owner measures the delay by it. */
const marginMs = 60_000

/**
 * Pins the present state of a database: writes the pins first, then looks whether the present state still needs what
 * they name. Whoever deletes looks at states and pins first, so it meets one or the other.
 * @param known a state that the caller has read already: it need not be the present one any more.
 * @returns undefined if there is no database.
 * @throws EnvError Busy: the database drops files again and again. The pins are released then.
 */
export async function pinPresentState(
  places: Places,
  cookie: string,
  pins: Pins,
  openPlace?: OpenPlace,
  known?: DatabaseView,
): Promise<DatabaseView | undefined> {
  const read = () => readView(places, cookie, openPlace)
  return releasedUnless(pins, async () => {
    let view = known ?? (await read())
    for (let attempt = 0; view; attempt++) {
      await pins.hold(view.files)
      const next: DatabaseView | undefined = (await isCurrent(view, cookie)) ? view : await read()
      if (next && droppedFiles(next, view).length === 0) return view
      if (attempt === maxAttempts) throw tooBusy(places)
      view = next
    }
    return undefined
  })
}

/**
 * Pins a state that a database had at a time, or at a sequence number. What that state needs is certain to stay for as
 * long as the owner promised; from then on a deletion may be under way.
 * @throws EnvError NotFound: there is no such state, or its time is up. The pins are released then.
 */
export async function pinPastState(
  places: Places,
  cookie: string,
  at: Date | bigint | number,
  pins: Pins,
  openPlace?: OpenPlace,
): Promise<FoundState> {
  return releasedUnless(pins, async () => {
    for (let attempt = 0; attempt <= maxAttempts; attempt++) {
      const found = await findState(places, cookie, at, openPlace)
      await pins.hold(found.files)
      const present = await readView(places, cookie, openPlace)
      if (!present) throw await noDatabase(places[0], cookie, 'past state')
      const dropped = droppedFiles(present, found)
      if (dropped.length === 0) return found
      // It was the present state a moment ago: now something tells until when.
      if (!found.presentUntil) continue
      // Another owner may keep less, and a source keeps what a clone dropped only as long as an expiring pin lasts.
      const isElsewhere = dropped.some(({ place }) => place !== places[0])
      const atSourcesMs = isElsewhere ? pinLifetimeMs : Number.POSITIVE_INFINITY
      const keptMs = Math.min(found.retentionMs ?? 0, present.retentionMs ?? 0, atSourcesMs)
      const keptUntilMs = found.presentUntil.getTime() + keptMs - marginMs
      if (keptUntilMs > (await pins.writtenAt()).getTime()) return found
      throw new EnvError(
        'NotFound',
        `${databaseUrl(places[0])}: the state until ${found.presentUntil.toISOString()} is still there, but its owner may be ` +
          'deleting tables of it. Choose a later one; the option "retentionDays" keeps them longer',
      )
    }
    throw tooBusy(places)
  })
}

async function releasedUnless<T>(pins: Pins, pinning: () => Promise<T>): Promise<T> {
  try {
    const state = await pinning()
    if (state === undefined) await pins.release()
    return state
  } catch (error) {
    await pins.release()
    throw error
  }
}

function tooBusy([place]: Places): EnvError {
  return new EnvError('Busy', `${databaseUrl(place)} drops files too often to be pinned; try later`)
}

type WithFiles = Pick<DatabaseView, 'files'>

/** Files of an earlier state that a state lacks. */
function droppedFiles({ files }: WithFiles, { files: earlier }: WithFiles): StoredFile[] {
  const isDropped = ([name, { objectName }]: [string, StoredFile]) =>
    files.get(name)?.objectName !== objectName
  return [...earlier].filter(isDropped).map(([, file]) => file)
}
