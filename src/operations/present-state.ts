import { noDatabase } from '../catalog/cookies.js'
import type { Places } from '../catalog/database-place.js'
import { type DatabaseState, type DatabaseView, readView } from '../catalog/database-view.js'
import type { OpenPlace } from '../catalog/sources.js'
import { FileGoneError } from '../catalog/stored-file.js'

/** A state of a database, and where its files lie. */
export type StateWithFiles = DatabaseState & Pick<DatabaseView, 'files'>

/** @throws EnvError NotFound: there is no database under that cookie. */
export async function presentState(
  places: Places,
  cookie: string,
  openPlace?: OpenPlace,
): Promise<StateWithFiles> {
  const view = await readView(places, cookie, openPlace)
  if (view) return view
  throw await noDatabase(places[0], cookie, 'state')
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
