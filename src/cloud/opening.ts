import { join } from 'node:path'
import { checkpointName } from '../catalog/checkpoint.js'
import { cloneIdentity, leftPinMessage, unpinnedMessage } from '../catalog/clone.js'
import { checkpointIsReadOnly, cookieExists, noSource, placeIsCeded } from '../catalog/cookies.js'
import { type DatabasePlace, databaseUrl, type Places } from '../catalog/database-place.js'
import { type DatabaseView, listObjects } from '../catalog/database-view.js'
import type { NamedObject } from '../catalog/listed-place.js'
import { expirePin } from '../catalog/pin.js'
import {
  expiringSources,
  forEachPin,
  hasUnpinnedSource,
  type OpenPlace,
  type RecordedSource,
  sourcesMetadata,
  sourcesOfNext,
} from '../catalog/sources.js'
import { readRoot } from '../catalog/state-objects.js'
import type { StoredFile } from '../catalog/stored-file.js'
import { isOfEpoch, knowsEpoch } from '../catalog/visibility.js'
import { EnvError } from '../env/env-error.js'
import type { System } from '../env/system.js'
import { type Epoch, newEpoch } from '../format/epoch.js'
import { objectName } from '../format/file-name.js'
import { assertConditionalPuts } from '../store/probe-conditional.js'
import type { CachedFile } from './cached-file.js'
import { claimedCloudManifest } from './claim.js'
import type { CloudEnvConfig } from './cloud-env-options.js'
import type { CurrentView } from './current-view.js'
import { type DatedGarbage, neverReadable } from './deletions.js'
import { cededRoot, type DestructionDependencies, finishDestruction } from './destruction.js'
import type { FileCache } from './file-cache.js'
import { inheritedGarbage } from './inherited-garbage.js'
import { leftoversOfCreation } from './leftovers.js'
import { LocalDatabase } from './local-database.js'
import { readDirectory } from './local-directory.js'
import type { MigrationProgress } from './migration.js'
import { OpeningTime } from './opening-time.js'
import { Owner } from './owner.js'
import { type OwnerRecord, ownerRecordName, readOwnerRecord } from './owner-record.js'
import { pinPresentState } from './pinned-state.js'
import { Pins } from './pins.js'
import { holdsPlainDatabase } from './plain-database.js'
import {
  isBeingMigrated,
  type PreparedMigration,
  prepareMigration,
  removeMigrationMark,
} from './prepared-migration.js'

export interface OpeningDependencies {
  readonly directory: string
  readonly places: Places
  readonly view: CurrentView
  readonly config: CloudEnvConfig
  readonly cache: FileCache
  readonly system: System
  /** True to fence the present owner before RocksDB recovers. */
  readonly isSealedFirst: boolean
  /** Opens the place of a source that a clone's CLOUDMANIFEST records. */
  readonly openPlace: OpenPlace
  /** Tells the user of something that goes on all the same. */
  warn(message: string): void
  /** Called when the database turns out to belong to somebody else. */
  fenced(message: string): void
  /** Called after each step of a migration. */
  migrated(progress: MigrationProgress): void
  cachedFile(file: StoredFile): CachedFile
  cacheName(file: StoredFile): string
}

/**
 * One opening for writing: of a database, of a fork of one, or of none yet. Changes nothing in the store but a pin: the
 * first commit of its {@link owner} takes the database over.
 */
export class Opening {
  readonly #deps: OpeningDependencies
  readonly #local: LocalDatabase
  /** Epoch of this opening, should it become the owner. */
  readonly #epoch: Epoch
  /** Cookie of the CLOUDMANIFEST that it writes. */
  readonly #cookie: string
  /** Another one than that of the CLOUDMANIFEST that it reads. */
  readonly #isNewCookie: boolean
  /** Runs before the first pin is written. */
  readonly #time: OpeningTime
  /** Protect the state that a fork begins with. */
  #pins: Pins | undefined
  #owner: Owner | undefined
  /** Why the state that it began with is not whole. */
  #lacking: EnvError | undefined

  /**
   * @returns undefined if somebody else was quicker: begin again.
   * @throws EnvError Corruption, InvalidArgument, Busy.
   */
  static async start(deps: OpeningDependencies): Promise<Opening | undefined> {
    const opening = new Opening(deps)
    try {
      opening.#owner = await opening.#start()
    } catch (error) {
      await opening.#withdraw().catch(() => undefined)
      throw error
    }
    if (opening.#owner) return opening
    await opening.#withdraw()
    return undefined
  }

  private constructor(deps: OpeningDependencies) {
    const { directory, places, config, cache, system } = deps
    this.#deps = deps
    this.#epoch = newEpoch(() => system.random.bytes(8))
    this.#cookie = config.newCookie ?? config.cookie
    this.#time = new OpeningTime(system.clock)
    this.#isNewCookie = this.#cookie !== config.cookie
    this.#local = new LocalDatabase(system.files, directory, databaseUrl(places[0]), (bytes) =>
      cache.makeRoom(bytes),
    )
  }

  get owner(): Owner {
    return this.#owner!
  }

  /** @throws EnvError if nothing can be done but to destroy the database. */
  assertWhole(): void {
    if (this.#lacking) throw this.#lacking
  }

  get local(): LocalDatabase {
    return this.#local
  }

  /** The LOCK was released. */
  async release(): Promise<void> {
    await this.owner.release()
    if (this.owner.isWithdrawn) await this.#withdraw()
    else if (this.owner.isGone) await this.#local.forget()
    else if (this.owner.isMigrated) await this.#local.finishMigration()
  }

  async #withdraw(): Promise<void> {
    await this.#pins?.release()
    await this.#local.withdraw()
  }

  async #start(): Promise<Owner | undefined> {
    const { directory, places, view: present, config, system } = this.#deps
    const record = await readOwnerRecord(system.files, directory)
    if (record?.destroying) {
      this.#local.assertSameUrl(record)
      await finishDestruction(places[0], this.#cookie, this.#destruction)
    }
    if (checkpointName(this.#cookie) !== undefined) throw checkpointIsReadOnly(places[0], this.#cookie)
    const found = await present.readReachable({ fresh: true })
    if (found?.lacking && this.#isFork(found)) throw found.lacking
    this.#lacking = found?.lacking
    if (record?.destroying && !found) {
      await this.#local.finishDestruction()
      return undefined
    }
    if (record?.migration && found) this.#assertMigrated(found, record)
    if (!found && (await holdsPlainDatabase(system.files, directory, record))) {
      if (config.migrate) return this.#startMigration(record)
      if (record) throw isBeingMigrated(directory, record.url)
    }
    const view = found && this.#isFork(found) ? await this.#pinned(found) : found
    const withdrawn = await this.#local.reconcile(view, record)
    return view ? this.#startCandidate(view, withdrawn) : this.#startCreation()
  }

  /** The directory holds a whole database, which the store does not have. Nothing is sent before the first commit. */
  async #startMigration(record: OwnerRecord | undefined): Promise<Owner> {
    const { directory, places, system } = this.#deps
    const [place] = places
    if (record) this.#local.assertSameUrl(record)
    // Whoever finishes that destruction would delete what has arrived.
    if (await cededRoot(place, this.#cookie, this.#destruction)) throw placeIsCeded(place)
    const prepared = await prepareMigration({
      place,
      directory,
      cookie: this.#cookie,
      epoch: this.#epoch,
      record,
      system,
    })
    await this.#local.recordMigration(this.#epoch, prepared)
    const { identity } = prepared.plain
    return this.#createOwner(undefined, prepared.garbage, {
      migration: prepared,
      ...(identity && { identity }),
    })
  }

  /** @throws EnvError InvalidArgument: the database in the store is another one than that in the directory. */
  #assertMigrated({ cloudManifest }: DatabaseView, { epochs, migration }: OwnerRecord): void {
    const { directory, places } = this.#deps
    if (epochs.includes(cloudManifest.current)) return
    // A copy of the directory that was migrated from elsewhere has the epoch too, and not what was written here since.
    if (migration?.isPublished && epochs.some((epoch) => knowsEpoch(cloudManifest, epoch))) return
    const url = databaseUrl(places[0])
    throw new EnvError(
      'InvalidArgument',
      `${directory} holds a database that was being migrated to ${url}, and ${url} has another one by now, or an older ` +
        `state of it. Nothing was changed. Choose another place: remove ${ownerRecordName} from the directory, and migrate it there`,
    )
  }

  /** @returns undefined if somebody else has created it in the meantime. */
  async #startCreation(): Promise<Owner | undefined> {
    const [place, source] = this.#deps.places
    const objects = await listObjects(place)
    const isCeded = objects.has(objectName({ kind: 'cloudManifest', cookie: this.#cookie }))
    const cededEtag = isCeded ? await cededRoot(place, this.#cookie, this.#destruction) : undefined
    if (isCeded && cededEtag === undefined) return undefined
    if (isCeded && source) throw placeIsCeded(place)
    // Objects there are those of the destroyed database: a collector deletes them.
    const leftovers = isCeded ? neverReadable([]) : await this.#leftoversOfCreation(objects)
    if (!leftovers) return undefined
    if (source) throw await noSource(source, this.#deps.config.cookie)
    await this.#local.recordCreation(this.#epoch)
    return this.#createOwner(undefined, leftovers, { cededEtag })
  }

  /** @returns undefined if what lies there belongs to a database that somebody else has created since the listing. */
  async #leftoversOfCreation(objects: ReadonlyMap<string, NamedObject>): Promise<DatedGarbage | undefined> {
    const [place] = this.#deps.places
    try {
      return await leftoversOfCreation(place, objects, this.#cookie)
    } catch (error) {
      if (await readRoot([place], this.#cookie)) return undefined
      throw error
    }
  }

  get #destruction(): DestructionDependencies {
    const { openPlace, system, warn } = this.#deps
    return { openPlace, random: system.random, warn }
  }

  /** @param withdrawn epochs of earlier openings from here whose objects no CLOUDMANIFEST can name. */
  async #startCandidate(
    view: DatabaseView,
    withdrawn: OwnerRecord['candidates'],
  ): Promise<Owner | undefined> {
    const { places, view: present, system, isSealedFirst } = this.#deps
    const [place] = places
    const names = [...view.objects.keys()]
    const candidates = withdrawn.filter(
      // An old copy of the record may list an epoch that has owned the database since.
      (epoch) => !knowsEpoch(view.cloudManifest, epoch) && names.some((name) => isOfEpoch(name, epoch)),
    )
    const garbage = this.#isClone(view)
      ? await leftoversOfCreation(place, view.objects, this.#cookie, { isClone: true })
      : inheritedGarbage(place, view, claimedCloudManifest(view, this.#epoch), candidates)
    const inherited = await present.identity(view)
    // A clone that is made, or whose maker was killed before it had an id.
    const isNameless = view.places.length > 1 && !view.objects.has('IDENTITY')
    const identity = isNameless ? cloneIdentity(inherited, system.random) : inherited
    const owner = this.#createOwner(view, garbage, { candidates, ...(isNameless && { identity }) })
    await this.#local.recordCandidate(view, identity, [...candidates, this.#epoch], async () => {
      if (this.#local.migration) await removeMigrationMark(place, this.#local.migration)
      await this.#adoptLeftFiles(view)
    })
    // Last: an opening that fails here has not taken the database from anybody.
    return isSealedFirst && !(await owner.fencePresentOwner()) ? undefined : owner
  }

  /** Reports whether the opening begins a line of history: under a new cookie, or as a clone. */
  #isFork(view: DatabaseView): boolean {
    return this.#isNewCookie || this.#isClone(view) || hasUnpinnedSource(view)
  }

  /** Reports whether the opening begins a clone: the place has no state of its own. */
  #isClone(view: DatabaseView): boolean {
    return view.home !== this.#deps.places[0]
  }

  /** The present state, pinned: what a fork begins with. */
  async #pinned(view: DatabaseView): Promise<DatabaseView | undefined> {
    const { places, config, system, openPlace, warn } = this.#deps
    const [place] = places
    if (this.#isNewCookie && view.objects.has(objectName({ kind: 'cloudManifest', cookie: this.#cookie })))
      throw cookieExists(place, this.#cookie)
    const written = this.#isClone(view) ? [] : [objectName({ kind: 'manifest', epoch: this.#epoch })]
    const pins = new Pins({ holder: databaseUrl(place), home: place, written, random: system.random })
    this.#pins = pins
    const pinned = await pinPresentState(places, config.cookie, pins, openPlace, view)
    for (const unpinned of pins.unpinned) warn(unpinnedMessage(place, unpinned))
    return pinned
  }

  #createOwner(
    view: DatabaseView | undefined,
    garbage: DatedGarbage,
    {
      candidates = [],
      identity,
      migration,
      cededEtag,
    }: {
      readonly candidates?: readonly Epoch[]
      readonly identity?: Uint8Array
      readonly migration?: PreparedMigration
      readonly cededEtag?: string | undefined
    } = {},
  ): Owner {
    const { directory, places, config, system, cache, openPlace, ...deps } = this.#deps
    const [place] = places
    const local = this.#local
    const epoch = this.#epoch
    const pins = this.#pins
    const isClone = view !== undefined && this.#isClone(view)
    const isFork = isClone || (view !== undefined && this.#isNewCookie)
    const pinned = pins?.sources ?? []
    const sources = !view || isFork ? pinned : sourcesOfNext(view, config.deletionDelayMs, pinned)
    const probe = () => assertConditionalPuts(place.store, place.path, system.random)
    return new Owner(
      {
        place,
        directory,
        cookie: this.#cookie,
        epoch,
        view,
        cededEtag,
        isFork,
        metadata: sourcesMetadata(sources),
        destroyedMetadata: sourcesMetadata([...pinned, ...((!isFork && view?.sources) || [])]),
        identity,
        time: this.#time,
        files: view?.files ?? migration?.arrived ?? new Map(),
        garbage,
        migration,
        migrated: migration?.past,
        leftLogs: local.leftLogs,
      },
      {
        system,
        deletionDelayMs: config.deletionDelayMs,
        ownershipCheckMs: config.ownershipCheckMs,
        collectionIntervalMs: config.collectionIntervalMs,
        migrationBytesPerSecond: config.migrate?.bytesPerSecond,
        openPlace,
        warn: (message) => deps.warn(message),
        cachedFile: (file) => deps.cachedFile(file),
        adopt: (file, localPath) => cache.adopt(file, localPath),
        forget: (file) => cache.remove(deps.cacheName(file)),
        fenced: (message) => deps.fenced(message),
        migrated: (progress) => deps.migrated(progress),
        beforeCreation: probe,
        beforeClaim: async () => {
          if (isClone) await probe()
          await pins?.settle()
          await local.recordClaim(epoch, candidates)
        },
        afterClaim: async () => {
          await local.recordOwnership(epoch, candidates)
          await pins?.releaseHome()
          if (view && !isFork) await this.#expirePins(view, pinned, sources)
        },
        beforeDestruction: () => local.recordDestruction(epoch),
      },
    )
  }

  /** Lets the pins expire on which the present state does not rely any more. */
  async #expirePins(
    view: DatabaseView,
    pinned: readonly RecordedSource[],
    next: readonly RecordedSource[],
  ): Promise<void> {
    const { places, config, openPlace, warn } = this.#deps
    const expire = (place: DatabasePlace, id: string) => expirePin(place, id, config.deletionDelayMs)
    const recorded = new Set(next.map(({ pin }) => pin))
    for (const left of await forEachPin(expiringSources(view, pinned), openPlace, expire)) {
      // The next opening tries again.
      if (recorded.has(left.pin)) continue
      const occasion = `${databaseUrl(places[0])} does not rely on it any more`
      warn(`${leftPinMessage(occasion, left)}. Unless a savepoint lets it expire, remove it by hand`)
    }
  }

  /** Tables that reached the store just before a crash need not be fetched again. */
  async #adoptLeftFiles(view: DatabaseView): Promise<void> {
    const { directory, system, cache, cachedFile } = this.#deps
    const left = new Set(await readDirectory(system.files, directory))
    for (const [name, file] of view.files) {
      const isMigrated = left.has(name) && this.#local.hasMigrated(file.objectName)
      if (!isMigrated && !left.has(file.objectName)) continue
      const path = join(directory, isMigrated ? name : file.objectName)
      const cached = cachedFile(file)
      const isWanted = cached.isPinned || cached.presentBytes === 0
      if (isWanted && (await system.files.stat(path)).size === file.size) await cache.adopt(cached, path)
      // This process did not know that the store has it.
      if (cached.isPinned) await cached.evict()
    }
  }
}
