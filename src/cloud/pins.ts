import { type DatabasePlace, databaseUrl, objectKey } from '../catalog/database-place.js'
import { type Pin, removePin, writePin } from '../catalog/pin.js'
import type { RecordedSource } from '../catalog/sources.js'
import type { StoredFile } from '../catalog/stored-file.js'
import { type EnvError, toEnvError } from '../env/env-error.js'
import { objectName } from '../format/file-name.js'

export interface PinsRequest extends Omit<Pin, 'objects'> {
  /** 16 hexadecimal digits that no other pin has. */
  readonly id: string
  /**
   * Place of the line of history that is about to need the files: a pin there lasts for the operation only, since its
   * CLOUDMANIFEST takes over. Undefined: the pins are for an operation anyway.
   */
  readonly home: DatabasePlace | undefined
}

/** A place that refused its pin: what lies there may be deleted after the delay. */
export interface UnpinnedPlace {
  readonly place: DatabasePlace
  readonly reason: EnvError
}

/** Pins of one holder: one at each place where files lie that it needs. */
export class Pins {
  readonly #request: PinsRequest
  readonly #pinned = new Set<DatabasePlace>()
  #unpinned: readonly UnpinnedPlace[] = []

  constructor(request: PinsRequest) {
    this.#request = request
  }

  /** Names these files, and no others. @throws EnvError retryable: a store can't be reached. */
  async hold(files: ReadonlyMap<string, StoredFile>): Promise<void> {
    const { id, kind, holder, home } = this.#request
    const unpinned: UnpinnedPlace[] = []
    for (const place of new Set([...files.values()].map((file) => file.place))) {
      const objects = [...files.values()].filter((file) => file.place === place)
      const pin = {
        kind: place === home ? 'operation' : kind,
        holder,
        objects: objects.map((file) => file.objectName),
      } as const
      try {
        await writePin(place, id, pin)
        this.#pinned.add(place)
      } catch (error) {
        const reason = toEnvError(error, `can't write a pin to ${databaseUrl(place)}`)
        if (reason.retryable) throw reason
        unpinned.push({ place, reason })
      }
    }
    this.#unpinned = unpinned
  }

  /** Places that refused the last pin. */
  get unpinned(): readonly UnpinnedPlace[] {
    return this.#unpinned
  }

  /** Places other than home with files, and the pins there, for the CLOUDMANIFEST of a clone. */
  get sources(): readonly RecordedSource[] {
    const { id, home } = this.#request
    const sources = [
      ...[...this.#pinned].map((place) => ({ place, pin: id })),
      ...this.#unpinned.map(({ place }) => ({ place })),
    ]
    return sources
      .filter(({ place }) => place !== home)
      .map(({ place, ...pin }) => ({ url: databaseUrl(place), ...pin }))
  }

  /** Time, by the store's clock, since which all pins are there. */
  async writtenAt(): Promise<Date> {
    let latest = new Date(0)
    for (const place of this.#pinned) {
      const key = objectKey(place, objectName({ kind: 'pin', id: this.#request.id }))
      const { lastModified } = await place.store.head(key)
      if (lastModified > latest) latest = lastModified
    }
    return latest
  }

  /** Lets go at home. A pin that cannot be removed stays: it expires, or people remove it. */
  async releaseHome(): Promise<void> {
    const { home } = this.#request
    if (home) await this.#release(home)
  }

  async release(): Promise<void> {
    for (const place of [...this.#pinned]) await this.#release(place)
  }

  async #release(place: DatabasePlace): Promise<void> {
    if (this.#pinned.delete(place)) await removePin(place, this.#request.id).catch(() => undefined)
  }
}
