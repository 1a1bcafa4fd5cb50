import { type DatabasePlace, objectKey } from '../catalog/database-place.js'
import type { DatabaseView } from '../catalog/database-view.js'
import type { Random } from '../env/system.js'
import type { CloudManifest } from '../format/cloud-manifest.js'
import { encodeNextFileNumberEdit } from '../format/encode-version-edit.js'
import { addEpoch, type Epoch } from '../format/epoch.js'
import { appendRecord } from '../format/log-record.js'
import { CasObject } from '../store/cas-object.js'

/** The CLOUDMANIFEST with which `epoch` takes the viewed state over. */
export function claimedCloudManifest(view: DatabaseView, epoch: Epoch): CloudManifest {
  return addEpoch(view.cloudManifest, view.manifest.lastNextFileNumber, epoch)
}

/**
 * The **seal** of a state: its MANIFEST with one more edit, which changes nothing but the ETag. The present owner
 * commits on the condition of the ETag that it wrote, so it can't once the seal is written. Everything that it
 * committed before is in the viewed state; had it committed since, the seal would not have been written.
 */
export class Seal {
  readonly #object: CasObject
  readonly #view: DatabaseView
  #sealed: DatabaseView | undefined

  constructor(place: DatabasePlace, view: DatabaseView, random: Random) {
    const key = objectKey(place, view.manifestName)
    this.#object = new CasObject(place.store, key, view.manifestEtag, random)
    this.#view = view
  }

  /**
   * Puts the seal in place, unless it is there already.
   * @returns the state as sealed; undefined if somebody changed it since it was viewed.
   * @throws EnvError when the store fails: the seal may be in place.
   */
  async set(): Promise<DatabaseView | undefined> {
    if (this.#view.isSealed) return this.#view
    if (this.#sealed) return this.#sealed
    const { manifest, manifestBytes } = this.#view
    const bytes = appendRecord(
      manifestBytes.subarray(0, manifest.length),
      encodeNextFileNumberEdit(manifest.lastNextFileNumber),
    )
    const outcome = await this.#object.write(bytes)
    if (outcome.kind === 'lost') return undefined
    this.#sealed = {
      ...this.#view,
      manifestBytes: bytes,
      manifestEtag: outcome.etag,
      manifest: { ...manifest, length: bytes.length },
    }
    return this.#sealed
  }
}
