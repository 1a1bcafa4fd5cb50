import { type DatabasePlace, databaseUrl, objectKey } from '../catalog/database-place.js'
import type { DatabaseView } from '../catalog/database-view.js'
import { retentionMetadata } from '../catalog/retention.js'
import { knowsEpoch } from '../catalog/visibility.js'
import { EnvError } from '../env/env-error.js'
import type { System } from '../env/system.js'
import { type CloudManifest, decodeCloudManifest, encodeCloudManifest } from '../format/cloud-manifest.js'
import { type Epoch, markDestroyed } from '../format/epoch.js'
import { objectName } from '../format/file-name.js'
import { CasObject, type CasOutcome } from '../store/cas-object.js'
import { claimedCloudManifest, Seal } from './claim.js'
import type { OpeningTime } from './opening-time.js'
import { nextOwnershipState, type OwnershipEvent, type OwnershipState } from './ownership-state.js'

export interface OwnershipStart {
  readonly place: DatabasePlace
  readonly directory: string
  readonly cookie: string
  readonly epoch: Epoch
  /** The state to take over; undefined for a database to be created. */
  readonly view: DatabaseView | undefined
  /** ETag of the CLOUDMANIFEST of a destroyed database that a new one replaces. Default: there is none. */
  readonly cededEtag?: string | undefined
  /**
   * True for a new line of history that begins with the viewed state, under another cookie or at another place: the
   * CLOUDMANIFEST is created, and the owner of the viewed state goes on.
   */
  readonly isFork: boolean
  /** Runs since the opening began. */
  readonly time: OpeningTime
  /** Past epochs of a database that is to be migrated into the store: those of earlier attempts. */
  readonly migrated: CloudManifest['past'] | undefined
  /** User metadata of the CLOUDMANIFEST, and of the MANIFEST that a fork begins with. */
  readonly metadata: Readonly<Record<string, string>>
  /** User metadata of the CLOUDMANIFEST once the database is destroyed: where pins have to be removed. */
  readonly destroyedMetadata: Readonly<Record<string, string>>
}

export interface OwnershipDependencies {
  readonly system: System
  readonly ownershipCheckMs: number
  /** How long objects stay that the database no longer needs: the CLOUDMANIFEST says it to others. */
  readonly deletionDelayMs: number
  /** Called once, when the database turns out to belong to somebody else. */
  fenced(message: string): void
  /** Called before the CLOUDMANIFEST is sent. A rejection leaves the store as it was. */
  beforeClaim(): Promise<void>
  /** Called when the CLOUDMANIFEST names this epoch, and with each later commit until it has succeeded. */
  afterClaim(): Promise<void>
}

/**
 * The right to commit to a database: its CLOUDMANIFEST and MANIFEST, as one opening for writing changes them.
 *
 * A candidate takes the database over with its first commit, which RocksDB makes after recovery: until then the present
 * owner can't notice. Four writes, in this order, each on the condition that nothing came between:
 *
 * 1. The MANIFEST under the new epoch.
 * 2. The local record that the write-ahead log may belong to the new epoch.
 * 3. The {@link Seal} of the present owner's MANIFEST. From here on that owner can't commit.
 * 4. The CLOUDMANIFEST with the new epoch.
 */
export class Ownership {
  readonly #start: OwnershipStart
  readonly #deps: OwnershipDependencies
  readonly #root: CasObject
  #manifest: CasObject
  /** Content of the last one that was sent. */
  #lastManifest: Uint8Array | undefined
  readonly #seal: Seal | undefined
  #state: OwnershipState
  /** Error with which every further change fails. */
  #refusal: EnvError | undefined
  #cancelCheck: (() => void) | undefined
  #isReleased = false
  #isClaimComplete = false

  constructor(start: OwnershipStart, deps: OwnershipDependencies) {
    this.#start = start
    this.#deps = deps
    const { place, cookie, view, cededEtag, isFork, migrated } = start
    const { random } = deps.system
    const rootKey = objectKey(place, objectName({ kind: 'cloudManifest', cookie }))
    const replacedEtag = isFork ? undefined : (view?.cloudManifestEtag ?? cededEtag)
    this.#root = new CasObject(place.store, rootKey, replacedEtag, random)
    this.#manifest = this.#newManifest()
    this.#seal = view && !isFork ? new Seal(place, view, random) : undefined
    this.#state = view ? 'candidate' : migrated ? 'migrating' : 'creating'
  }

  get state(): OwnershipState {
    return this.#state
  }

  /** @throws EnvError when nothing may be changed any more. */
  assertUsable(): void {
    if (this.#refusal) throw this.#refusal
    if (!this.#isReleased) return
    throw new EnvError('IOError', `${this.#url} is not open for writing any more`)
  }

  /**
   * Sets the seal: the present owner can't commit from then on. Called before the first commit, which then can't be
   * overtaken. The owner of a state that a fork begins with stays.
   * @returns false if somebody changed the database since it was viewed.
   */
  async fencePresentOwner(): Promise<boolean> {
    if (this.#start.isFork) return true
    return this.#seal !== undefined && (await this.#seal.set()) !== undefined
  }

  /**
   * Makes this MANIFEST the database's. Everything that it names has to be in the store.
   * @throws EnvError Busy: the candidate was overtaken. Opening again reads what is there now.
   *   IOFenced: the database belongs to somebody else.
   */
  async commit(manifest: Uint8Array): Promise<void> {
    this.assertUsable()
    if (this.#start.view && this.#state !== 'owned') return this.#claim(manifest)
    await this.#writeManifest(manifest)
    if (this.#state !== 'owned') return
    if (!(await this.ownedSince())) this.assertUsable()
    await this.#completeClaim()
  }

  /** A new database exists from here on. */
  async create(): Promise<void> {
    this.assertUsable()
    this.#on('send')
    const outcome = await this.#writeRoot(this.#cloudManifest)
    if (outcome.kind === 'lost') throw this.#displaced('somebody else created the database at the same time')
    await this.#restoreManifest()
    await this.#becomeOwner()
  }

  /**
   * Another database was here after this creation had looked, and its destruction took the MANIFEST along. That ended
   * before the CLOUDMANIFEST could be written, so nobody deletes a second one.
   */
  async #restoreManifest(): Promise<void> {
    const held = await this.#manifest.check()
    if (held.kind === 'held' || held.found || !this.#lastManifest) return
    this.#manifest = this.#newManifest()
    await this.#writeManifest(this.#lastManifest)
  }

  #newManifest(): CasObject {
    const { place, epoch } = this.#start
    const key = objectKey(place, objectName({ kind: 'manifest', epoch }))
    return new CasObject(place.store, key, undefined, this.#deps.system.random)
  }

  /**
   * Checks whether this epoch owns the database, and fences it if the CLOUDMANIFEST is another one.
   * @returns when the database became ours, by the store's clock; undefined if it is not ours.
   */
  async ownedSince(): Promise<Date | undefined> {
    if (this.#state !== 'owned') return undefined
    const held = await this.#root.check()
    // The database may have been released or destroyed while we looked: the next owner is none of our business.
    if (this.#isReleased || this.#state !== 'owned') return undefined
    if (held.kind === 'held') return held.modified
    if (held.found) this.#displaced(otherOwner)
    else this.#deleted()
    return undefined
  }

  /**
   * Replaces the CLOUDMANIFEST by one that is {@link markDestroyed}: nobody can open the database any more. A deletion
   * could not be made conditional on the owner.
   * @param destroying called before that, once the database is ours.
   */
  async destroy(destroying: () => Promise<void>): Promise<void> {
    this.assertUsable()
    try {
      // Commits that a present owner has made since are not destroyed unseen.
      const { view } = this.#start
      if (view && this.#state !== 'owned') await this.#claim(view.manifestBytes)
      if (this.#state === 'unsettled') await this.create()
      if (this.#state === 'owned') {
        if (!(await this.ownedSince())) this.assertUsable()
        await destroying()
        this.#on('delete')
        const { destroyedMetadata } = this.#start
        const outcome = await this.#writeRoot(markDestroyed(this.#cloudManifest), destroyedMetadata)
        if (outcome.kind === 'lost') throw this.#displaced(otherOwner)
      }
    } catch (error) {
      // RocksDB goes on to delete the write-ahead log of a database that still exists.
      const reason = error instanceof Error ? error.message : String(error)
      this.#refuse(new EnvError('IOFenced', `${this.#url} could not be destroyed: ${reason}`))
      throw error
    }
    this.#on('destroy')
  }

  /** Ends all changes: no call after this one makes any. */
  release(): void {
    this.#isReleased = true
    this.#cancelCheck?.()
  }

  async #claim(manifest: Uint8Array): Promise<void> {
    const { epoch, isFork, metadata } = this.#start
    await this.#writeManifest(manifest, isFork ? metadata : {})
    await this.#deps.beforeClaim()
    this.#start.time.assertShort(this.#url)
    if (!(await this.fencePresentOwner())) throw this.#overtaken()
    this.#on('send')
    const outcome = await this.#writeRoot(this.#cloudManifest)
    if (outcome.kind === 'written') return this.#becomeOwner()
    if (await this.#isSettledWithout(epoch)) throw this.#overtaken()
    throw outcome.found ? this.#displaced(otherOwner) : this.#deleted()
  }

  /** The CLOUDMANIFEST that makes this opening the owner. */
  get #cloudManifest(): CloudManifest {
    const { view, epoch, migrated = [] } = this.#start
    return view ? claimedCloudManifest(view, epoch) : { past: migrated, current: epoch }
  }

  async #writeManifest(manifest: Uint8Array, metadata: Readonly<Record<string, string>> = {}): Promise<void> {
    this.#lastManifest = manifest
    const outcome = await this.#manifest.write(manifest, metadata)
    if (outcome.kind === 'written') return
    // Without a MANIFEST there may be no CLOUDMANIFEST either: the database or branch was removed.
    const isRemoved = !outcome.found && this.#state === 'owned' && (await this.ownedSince()) === undefined
    throw (isRemoved && this.#refusal) || this.#displaced(otherOwner)
  }

  #writeRoot(cloudManifest: CloudManifest, metadata = this.#start.metadata): Promise<CasOutcome> {
    const retention = retentionMetadata(this.#deps.deletionDelayMs)
    return this.#root.write(encodeCloudManifest(cloudManifest), { ...metadata, ...retention })
  }

  async #becomeOwner(): Promise<void> {
    this.#on('win')
    this.#scheduleCheck()
    await this.#completeClaim()
  }

  async #completeClaim(): Promise<void> {
    if (this.#isClaimComplete) return
    await this.#deps.afterClaim()
    this.#isClaimComplete = true
  }

  /**
   * Reports whether there is a CLOUDMANIFEST now without the epoch. Then none that names the epoch can arrive: it would
   * have to replace a version that is gone.
   */
  async #isSettledWithout(epoch: Epoch): Promise<boolean> {
    const { place, cookie, view, isFork } = this.#start
    try {
      const found = await place.store.get(objectKey(place, objectName({ kind: 'cloudManifest', cookie })))
      const isReplaced = isFork || found.etag !== view?.cloudManifestEtag
      return isReplaced && !knowsEpoch(decodeCloudManifest(found.body), epoch)
    } catch {
      return false
    }
  }

  #scheduleCheck(): void {
    if (this.#isReleased || this.#state !== 'owned' || this.#deps.ownershipCheckMs === 0) return
    this.#cancelCheck = this.#deps.system.clock.after(this.#deps.ownershipCheckMs, () => {
      // The store can't be reached: the next check, or the next commit, will tell.
      void this.ownedSince()
        .catch(() => undefined)
        .then(() => this.#scheduleCheck())
    })
  }

  get #url(): string {
    return databaseUrl(this.#start.place)
  }

  /** @throws EnvError IOFenced: a check has found another owner while this one was about something else. */
  #on(event: OwnershipEvent): void {
    if (this.#state === 'fenced' && this.#refusal) throw this.#refusal
    this.#state = nextOwnershipState(this.#state, event)
  }

  #overtaken(): EnvError {
    this.#on('lose')
    this.#refusal = new EnvError(
      'Busy',
      `${this.#url} was changed by another process while it was being opened here. Nothing was lost. Open it again`,
    )
    return this.#refusal
  }

  #displaced(reason: string): EnvError {
    return this.#fence(
      `${reason}. Close it. Opening it again takes it back from the other; writes that were not flushed are set aside then`,
    )
  }

  #deleted(): EnvError {
    const { directory, cookie } = this.#start
    const cloudManifest = objectName({ kind: 'cloudManifest', cookie })
    const what = cookie === '' ? '' : ', as when the branch is removed'
    return this.#fence(
      `its ${cloudManifest} was deleted${what}. Close it. To go on, bring the ${cloudManifest} back, for example an earlier version of ` +
        `that object, and open it again; to begin anew, move ${directory} away and remove what is left in the store`,
    )
  }

  #fence(reason: string): EnvError {
    if (this.#refusal) return this.#refusal
    this.#on('displace')
    const { directory, epoch } = this.#start
    return this.#refuse(
      new EnvError('IOFenced', `${this.#url} no longer belongs to ${directory} (epoch ${epoch}): ${reason}`, {
        scope: 'fileSystem',
      }),
    )
  }

  #refuse(refusal: EnvError): EnvError {
    if (this.#refusal?.code === 'IOFenced') return this.#refusal
    this.#refusal = refusal
    this.#deps.fenced(refusal.message)
    return refusal
  }
}

const otherOwner = 'somebody else opened the database for writing'
