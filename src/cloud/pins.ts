import { type DatabasePlace, databaseUrl, objectKey } from '../catalog/database-place.js'
import { encodePin, type Pin, pinObject, removePin } from '../catalog/pin.js'
import { type RecordedSource, sourceAt } from '../catalog/sources.js'
import type { StoredFile } from '../catalog/stored-file.js'
import { EnvError, toEnvError } from '../env/env-error.js'
import type { Random } from '../env/system.js'
import { objectName } from '../format/file-name.js'
import type { CasObject } from '../store/cas-object.js'

export interface PinsRequest extends Pick<Pin, 'holder'> {
  /**
   * Place of the line of history that is about to need the files. A pin there lasts for the operation only, since its
   * CLOUDMANIFEST takes over.
   */
  readonly home: DatabasePlace
  /**
   * Names of objects that the holder writes at home. Where another line of history is, its destruction would take along
   * what nobody needs.
   */
  readonly written: readonly string[]
  readonly random: Random
}

/** A place that refused its pin: what lies there may be deleted after the delay. */
export interface UnpinnedPlace {
  readonly place: DatabasePlace
  readonly reason: EnvError
}

interface HeldPin {
  readonly id: string
  readonly object: CasObject
  readonly objects: readonly string[]
}

/** Pins of one holder: one at each place where files lie that it needs. */
export class Pins {
  readonly #request: PinsRequest
  #held: ReadonlyMap<DatabasePlace, HeldPin> = new Map()
  #unpinned: readonly UnpinnedPlace[] = []

  constructor(request: PinsRequest) {
    this.#request = request
  }

  /**
   * Names these files, and no others, for the time of the operation.
   * @throws EnvError retryable: a store can't be reached.
   */
  async hold(files: ReadonlyMap<string, StoredFile>): Promise<void> {
    const { home, written, random } = this.#request
    const before = this.#held
    const held = new Map<DatabasePlace, HeldPin>()
    const unpinned: UnpinnedPlace[] = []
    this.#held = held
    const places = [...files.values()].map((file) => file.place)
    for (const place of new Set(written.length > 0 ? [home, ...places] : places)) {
      // New each time: a late delivery of an earlier one must not replace it.
      const id = Buffer.from(random.bytes(8)).toString('hex')
      const object = pinObject(place, id, random)
      const read = [...files.values()].filter((file) => file.place === place)
      const names = read.map((file) => file.objectName)
      const pin = { id, object, objects: place === home ? [...written, ...names] : names }
      try {
        await this.#write(place, pin, 'operation')
        held.set(place, pin)
      } catch (error) {
        const reason = toEnvError(error, `can't write a pin to ${databaseUrl(place)}`)
        if (reason.retryable) throw reason
        unpinned.push({ place, reason })
      }
    }
    this.#unpinned = unpinned
    for (const [place, { id }] of before) await remove(place, id)
  }

  /** Places that refused the last pin. */
  get unpinned(): readonly UnpinnedPlace[] {
    return this.#unpinned
  }

  /** Places other than home with files, and the pins there, for the CLOUDMANIFEST of a clone. */
  get sources(): readonly RecordedSource[] {
    const { home } = this.#request
    const sources = [
      ...[...this.#held].map(([place, { id: pin }]) => ({ place, pin })),
      ...this.#unpinned.map(({ place }) => ({ place })),
    ]
    return sources
      .filter(({ place }) => place !== home)
      .map(({ place, ...pin }) => ({ ...sourceAt(place, home), ...pin }))
  }

  /** Time, by the store's clock, since which all pins are there. */
  async writtenAt(): Promise<Date> {
    let latest = new Date(0)
    for (const [place, { id }] of this.#held) {
      const { lastModified } = await place.store.head(objectKey(place, objectName({ kind: 'pin', id })))
      if (lastModified > latest) latest = lastModified
    }
    return latest
  }

  /** The CLOUDMANIFEST is about to be sent: pins away from home last as long as the clone needs them. */
  async settle(): Promise<void> {
    for (const [place, pin] of this.#held)
      if (place !== this.#request.home) await this.#write(place, pin, 'clone')
  }

  /** Lets go at home. A pin that cannot be removed stays: it expires. */
  async releaseHome(): Promise<void> {
    const { home } = this.#request
    const pin = this.#held.get(home)
    if (pin) await remove(home, pin.id)
  }

  async release(): Promise<void> {
    for (const [place, { id }] of this.#held) await remove(place, id)
    this.#held = new Map()
  }

  async #write(place: DatabasePlace, { id, object, objects }: HeldPin, kind: Pin['kind']): Promise<void> {
    const { holder } = this.#request
    const outcome = await object.write(encodePin({ kind, holder, objects }))
    if (outcome.kind === 'written') return
    throw new EnvError(
      'IOError',
      `CLOUDPIN-${id} in ${databaseUrl(place)} was changed or removed while ${holder} was about to need it. Try again`,
    )
  }
}

async function remove(place: DatabasePlace, id: string): Promise<void> {
  await removePin(place, id).catch(() => undefined)
}
