import { type DatabasePlace, objectKey, objectUrl } from '../catalog/database-place.js'
import { maxManifestBytes } from '../catalog/get-first.js'
import { EnvError, unlessNotFound } from '../env/env-error.js'
import type { Random } from '../env/system.js'
import type { Epoch } from '../format/epoch.js'
import { objectName } from '../format/file-name.js'
import { CasObject } from '../store/cas-object.js'
import type { ObjectKey } from '../store/object-store.js'

/**
 * Keeps MANIFESTs that RocksDB begins anew while it has a database open (`max_manifest_file_size`). All MANIFESTs of an
 * epoch are one object, so the new one overwrites the states that only the former tells of.
 */
export class FormerManifests {
  readonly #place: DatabasePlace
  readonly #epoch: Epoch
  readonly #random: Random
  /** Number of the file that was last sent as the MANIFEST in force. */
  #number: number | undefined
  /** A write under way, or one that failed and may have arrived. */
  #kept: { readonly number: number; readonly object: CasObject } | undefined

  constructor(place: DatabasePlace, epoch: Epoch, random: Random) {
    this.#place = place
    this.#epoch = epoch
    this.#random = random
  }

  /** The MANIFEST of that number is in force: the database is ours with it. */
  began(number: number): void {
    this.#number = number
  }

  /**
   * Call this before the MANIFEST of that number is sent. Puts the one that it replaces under a name of its own.
   *
   * Not a copy by the store: a copy that arrives late would put the new MANIFEST in the place of the former. This write
   * has the right content whenever it arrives, and takes effect once.
   * @returns the key of the former MANIFEST, if it is one. The same file may be sent any number of times.
   * @throws EnvError if the store fails: the former MANIFEST is still in force.
   */
  async keepBefore(number: number): Promise<ObjectKey | undefined> {
    const former = this.#number
    if (former === number) return undefined
    const kept = former === undefined ? undefined : await this.#keep(former)
    this.#number = number
    return kept
  }

  /** @param number of the file that was sent last; if that one never arrived, the one before is kept a second time. */
  async #keep(number: number): Promise<ObjectKey | undefined> {
    const present = objectName({ kind: 'manifest', epoch: this.#epoch })
    const { store } = this.#place
    const range = { offset: 0, length: maxManifestBytes }
    const found = await unlessNotFound(store.get(objectKey(this.#place, present), range))
    // Another owner has deleted it: the commit finds out.
    if (!found) return undefined
    const name = objectName({ kind: 'history', epoch: this.#epoch, number })
    const key = objectKey(this.#place, name)
    if (this.#kept?.number !== number)
      this.#kept = { number, object: new CasObject(store, key, undefined, this.#random) }
    const outcome = await this.#kept.object.write(found.body)
    if (outcome.kind === 'written') return key
    throw new EnvError(
      'IOError',
      `${objectUrl(this.#place, name)} exists, and nobody but this process may have written it. Remove it`,
    )
  }
}
