import { noDatabase } from '../catalog/cookies.js'
import type { Places } from '../catalog/database-place.js'
import { type DatabaseView, readView, type StateWithFiles } from '../catalog/database-view.js'
import { findState } from '../catalog/find-state.js'
import type { OpenPlace } from '../catalog/sources.js'
import { FileGoneError } from '../catalog/stored-file.js'
import type { StateSelector } from '../env/state-selector.js'

/** State of a database that is wanted, and places to look for it. */
export interface WantedState {
  readonly places: Places
  readonly cookie: string
  /** Undefined: the present one. */
  readonly at: StateSelector | undefined
  /** Opens the sources that the CLOUDMANIFEST of a clone records. */
  readonly openPlace: OpenPlace | undefined
}

/** @throws EnvError NotFound: there is no such state. Corruption: it is damaged. */
export async function findWanted({ places, cookie, at, openPlace }: WantedState): Promise<StateWithFiles> {
  if (at !== undefined) return await findState(places, cookie, at, openPlace)
  return await readPresent({ places, cookie, openPlace })
}

/** @throws EnvError NotFound: there is no database. Corruption: it is damaged. */
export async function readPresent({
  places,
  cookie,
  openPlace,
}: Omit<WantedState, 'at'>): Promise<DatabaseView> {
  const view = await readView(places, cookie, openPlace)
  if (view) return view
  throw await noDatabase(places[0], cookie, 'state')
}

/** For {@link untilWhole}: a past state has no other files than those that it had. */
export function newerThan(wanted: WantedState): () => Promise<StateWithFiles> | undefined {
  return () => (wanted.at === undefined ? findWanted(wanted) : undefined)
}

/** A table disappears an hour after the database stopped to need it (`deletionDelayMs`). */
const maxStarts = 20

/**
 * Fetches the files of a state while its owner may go on.
 * @param newer resolves with the state that the database has now, for the case that a file is gone: an owner has compacted
 *   it away, and the content is in others. Damage throws. Undefined: no other state will do.
 * @returns the state of which every file was fetched.
 */
export async function untilWhole(
  first: StateWithFiles,
  fetchFiles: (state: StateWithFiles) => Promise<void>,
  newer: () => Promise<StateWithFiles> | undefined,
): Promise<StateWithFiles> {
  let state = first
  for (let starts = 1; ; starts++) {
    try {
      await fetchFiles(state)
      return state
    } catch (error) {
      const next = error instanceof FileGoneError ? newer() : undefined
      if (!next || starts === maxStarts) throw error
      state = await next
    }
  }
}
