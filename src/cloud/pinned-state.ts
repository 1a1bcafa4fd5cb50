import { type DatabasePlace, databaseUrl, type Places } from '../catalog/database-place.js'
import { type DatabaseView, isCurrent, readView } from '../catalog/database-view.js'
import { type Pin, removePin, writePin } from '../catalog/pin.js'
import type { OpenPlace, RecordedSource } from '../catalog/sources.js'
import { EnvError, toEnvError } from '../env/env-error.js'

/** A state of which nothing is deleted as long as its pin is there. */
export interface PinnedState {
  readonly view: DatabaseView
  /** Places that refused the pin: what the state needs there may be deleted after the delay. */
  readonly unpinned: readonly UnpinnedPlace[]
  /** Sources of a fork that begins with the state: where the files lie that are not at its own place. */
  readonly sources: readonly RecordedSource[]
  /** Lets go at the database's own place. A pin that cannot be removed stays: it expires, or people remove it. */
  releaseOwn(): Promise<void>
  /** Lets go everywhere. */
  release(): Promise<void>
}

export interface UnpinnedPlace {
  readonly place: DatabasePlace
  readonly reason: EnvError
}

export interface PinRequest extends Omit<Pin, 'objects'> {
  /** 16 hexadecimal digits that no other pin has. */
  readonly id: string
  /** Kind of the pins at sources. The pin at the database's own place is that of an operation. */
  readonly kind: Pin['kind']
}

/** Owners that commit all the time change a state faster than it can be pinned, but hardly ever drop files of it. */
const maxAttempts = 10

/**
 * Pins the present state of a database wherever its objects lie: writes the pin first, then looks whether the present
 * state still needs all of them. Whoever deletes looks at states and pins first, so it meets one or the other.
 * @returns undefined if there is no database.
 * @throws EnvError Busy: the database drops files again and again.
 */
export async function pinState(
  places: Places,
  cookie: string,
  pin: PinRequest,
  openPlace?: OpenPlace,
): Promise<PinnedState | undefined> {
  const [own] = places
  const read = () => readView(places, cookie, openPlace)
  const pinned = new Set<DatabasePlace>()
  const releaseAt = async (place: DatabasePlace) => {
    if (pinned.delete(place)) await removePin(place, pin.id).catch(() => undefined)
  }
  const release = async () => {
    for (const place of [...pinned]) await releaseAt(place)
  }
  try {
    let view = await read()
    for (let attempt = 0; view; attempt++) {
      const unpinned = await writePins(view, pin, pinned)
      const next: DatabaseView | undefined = (await isCurrent(view, cookie)) ? view : await read()
      if (next && hasAllFiles(next, view)) {
        const sources = [...pinned, ...unpinned.map(({ place }) => place)]
          .filter((place) => place !== own)
          .map((place) => ({ url: databaseUrl(place), ...(pinned.has(place) && { pin: pin.id }) }))
        return { view, unpinned, sources, releaseOwn: () => releaseAt(own), release }
      }
      if (attempt === maxAttempts)
        throw new EnvError('Busy', `${databaseUrl(places[0])} drops files too often; try later`)
      view = next
    }
  } catch (error) {
    await release()
    throw error
  }
  await release()
  return undefined
}

/** @param pinned gets the places that have the pin. */
async function writePins(
  view: DatabaseView,
  { id, kind, holder }: PinRequest,
  pinned: Set<DatabasePlace>,
): Promise<readonly UnpinnedPlace[]> {
  const unpinned: UnpinnedPlace[] = []
  for (const place of view.places) {
    const objects = [...view.files.values()]
      .filter((file) => file.place === place)
      .map(({ objectName }) => objectName)
    if (objects.length === 0) continue
    try {
      await writePin(place, id, { kind: place === view.places[0] ? 'operation' : kind, holder, objects })
      pinned.add(place)
    } catch (error) {
      const reason = toEnvError(error, `can't write a pin to ${databaseUrl(place)}`)
      if (reason.retryable) throw reason
      unpinned.push({ place, reason })
    }
  }
  return unpinned
}

function hasAllFiles({ files }: DatabaseView, { files: wanted }: DatabaseView): boolean {
  return [...wanted].every(([name, { objectName }]) => files.get(name)?.objectName === objectName)
}
