import type { Places } from '../catalog/database-place.js'
import { type DatabaseView, isCurrent, readView } from '../catalog/database-view.js'
import { readIdentity } from '../catalog/identity.js'
import type { OpenPlace } from '../catalog/sources.js'

/** One state of a database, kept until a fresh one is asked for. */
export class CurrentView {
  readonly #places: Places
  readonly #cookie: string
  readonly #openPlace: OpenPlace | undefined
  #view: Promise<DatabaseView | undefined> | undefined

  constructor(places: Places, cookie: string, openPlace?: OpenPlace) {
    this.#places = places
    this.#cookie = cookie
    this.#openPlace = openPlace
  }

  /** The state; undefined if there is no database. */
  async read({ fresh = false } = {}): Promise<DatabaseView | undefined> {
    const known = this.#view
    if (known && !fresh) return known
    return this.#keep(this.#freshView(known))
  }

  /**
   * The state, or as much of it as lies at the place of a clone whose sources can't be reached: enough to destroy it.
   */
  async readReachable({ fresh = false } = {}): Promise<DatabaseView | undefined> {
    const known = this.#view
    if (known && !fresh) return known
    const view = this.#freshView(known, { mayLack: true })
    // Nobody else makes do with a part.
    void this.#keep(view.then(assertWhole))
    return view
  }

  /** The present state, which becomes the one that is kept only if there is none. */
  async present(): Promise<DatabaseView | undefined> {
    const known = this.#view
    return known ? this.#freshView(known) : this.read()
  }

  /** Content of the database's IDENTITY; empty if the store has none. A new database may get it after its first state. */
  async identity(view: DatabaseView): Promise<Uint8Array> {
    return Buffer.from(view.identity ?? (await readIdentity(view.places)) ?? '')
  }

  forget(): void {
    this.#view = undefined
  }

  /** A failure goes to the caller and is not kept. */
  #keep(view: Promise<DatabaseView | undefined>): Promise<DatabaseView | undefined> {
    this.#view = view
    view.catch(() => {
      if (this.#view === view) this.#view = undefined
    })
    return view
  }

  async #freshView(
    known: Promise<DatabaseView | undefined> | undefined,
    options: { readonly mayLack?: boolean } = {},
  ): Promise<DatabaseView | undefined> {
    const view = await known?.catch(() => undefined)
    const isUnchanged = view && (await isCurrent(view, this.#cookie))
    return isUnchanged
      ? view
      : readView(this.#places, this.#cookie, this.#openPlace, { ...options, withIdentity: true })
  }
}

function assertWhole(view: DatabaseView | undefined): DatabaseView | undefined {
  if (view?.lacking) throw view.lacking
  return view
}
