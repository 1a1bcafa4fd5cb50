import { randomBytes, randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { Clock } from '../env/clock.js'
import type { LocalWritableFile, ReadableFile, SparseFile } from '../env/env.js'
import { EnvError } from '../env/env-error.js'
import type { CloudManifest } from '../format/cloud-manifest.js'
import { type Epoch, newEpoch } from '../format/epoch.js'
import { manifestFileName, objectName, parseFileName, parseObjectName } from '../format/file-name.js'
import type { ObjectKey } from '../store/object-store.js'
import { assertConditionalPuts } from '../store/probe-conditional.js'
import type { CachedFile } from './cached-file.js'
import { claimDatabase } from './claim.js'
import type { CloudEnvConfig } from './cloud-env-options.js'
import { type DatabasePlace, databaseUrl, objectKey, type Places } from './database-place.js'
import {
  type DatabaseView,
  getFirst,
  isCurrent,
  listObjects,
  readView,
  type StoredFile,
} from './database-view.js'
import type { FileCache } from './file-cache.js'
import { leftoversOfCreation } from './leftovers.js'
import { fsyncDirectory, readDirectory, setAside, writeFileDurably } from './local-directory.js'
import { Owner } from './owner.js'
import {
  type OwnerRecord,
  ownerRecordName,
  readOwnerRecord,
  removeOwnerRecord,
  writeOwnerRecord,
} from './owner-record.js'
import { ServedBytes } from './served-bytes.js'
import { isLeftBehind, isVisible } from './visibility.js'

export interface DatabaseDependencies {
  readonly config: CloudEnvConfig
  readonly cache: FileCache
  readonly clock: Clock
  /** Called when the database turns out to belong to somebody else. */
  fenced(directory: string, message: string): void
}

/**
 * One database directory: what RocksDB sees in it, made of the local files and the objects in the store.
 *
 * While it is not open for writing here, everything but the write-ahead log is answered from a view, read from
 * the store and never changing it. Taking the LOCK makes an {@link Owner}, and RocksDB's own local MANIFEST and CURRENT
 * are real files from then on; letting go of the LOCK goes back to views.
 */
export class Database {
  readonly directory: string
  readonly #places: Places
  readonly #deps: DatabaseDependencies
  #owner: Owner | undefined
  #view: Promise<DatabaseView | undefined> | undefined

  constructor(directory: string, places: Places, deps: DatabaseDependencies) {
    this.directory = directory
    this.#places = places
    this.#deps = deps
  }

  get owner(): Owner | undefined {
    return this.#owner
  }

  /** CURRENT, MANIFEST or IDENTITY, as this database has them now. */
  async openMetadata(name: string): Promise<ReadableFile> {
    if (this.#owner) return { kind: 'local', path: join(this.directory, name) }
    // Reading CURRENT is how RocksDB begins to open a database: from here on it goes by one state of it.
    const view = await this.#currentView({ fresh: name === 'CURRENT' })
    return new ServedBytes(await this.#metadata(view, name))
  }

  async metadataSize(name: string): Promise<number> {
    if (this.#owner) return (await stat(join(this.directory, name))).size
    // Whether there is a CURRENT decides whether RocksDB opens a database or makes one.
    const view = await this.#currentView({ fresh: name === 'CURRENT' })
    return (await this.#metadata(view, name)).length
  }

  async openFile(name: string): Promise<SparseFile> {
    if (this.#owner) return this.#owner.openFile(name)
    return this.#cachedFile(await this.file(name)).open()
  }

  /** A table or blob file that exists, here or in the store. */
  async file(name: string): Promise<StoredFile> {
    if (this.#owner) return this.#owner.file(name)
    const file = (await this.#currentView())?.files.get(name)
    if (file) return file
    throw new EnvError('NotFound', `${databaseUrl(this.#places[0])} has no ${name}`)
  }

  newFile(name: string): LocalWritableFile {
    return this.requireOwner(`write ${name}`).newFile(name)
  }

  newManifest(name: string): LocalWritableFile {
    const owner = this.requireOwner(`write ${name}`)
    const path = join(this.directory, name)
    return { kind: 'local', path, synced: (size) => owner.commitManifest(path, size) }
  }

  /** Takes a complete local file from elsewhere in as a table (ingestion). */
  async linkIn(source: string, name: string): Promise<void> {
    const owner = this.requireOwner(`link ${name}`)
    await link(source, owner.localPath(name))
    owner.seal(name, (await stat(source)).size)
  }

  /** RocksDB sets a table aside as `name.trash` before it deletes that at its leisure. */
  async moveToTrash(name: string, trash: string): Promise<void> {
    await this.requireOwner(`delete ${name}`).deleteFile(name)
    await writeFile(trash, '')
  }

  async renameMetadata(source: string, name: string): Promise<void> {
    const owner = this.requireOwner(`write ${name}`)
    const target = join(this.directory, name)
    await rename(source, target)
    if (name === 'CURRENT') await owner.currentWritten()
    if (name === 'IDENTITY') await owner.identityWritten(await readFile(target))
  }

  async deleteFile(name: string): Promise<void> {
    const owner = this.requireOwner(`delete ${name}`)
    const { kind } = parseFileName(name)
    if (kind === 'table' || kind === 'blob') return owner.deleteFile(name)
    // Nothing but the destruction of a database deletes CURRENT.
    if (kind === 'current') await owner.destroy()
    await rm(join(this.directory, name))
  }

  /** Base names, or undefined when there is no such directory, here or in the store. */
  async children(): Promise<string[] | undefined> {
    const local = await readDirectory(this.directory)
    if (this.#owner) return [...(local ?? []).filter(isRocksName), ...this.#owner.fileNames()]
    const view = await this.#currentView()
    if (!view) return local?.filter(isRocksName)
    const record = local && (await readOwnerRecord(this.directory))
    const hasLog = continues(record, view)
    const isOwn = (name: string) => {
      const { kind } = parseFileName(name)
      if (kind === 'wal') return hasLog
      return kind !== 'current' && kind !== 'manifest' && kind !== 'identity' && isRocksName(name)
    }
    return [
      ...(local ?? []).filter(isOwn),
      'CURRENT',
      'IDENTITY',
      manifestFileName(inheritedManifest),
      ...view.files.keys(),
    ]
  }

  /**
   * The LOCK was taken: the database is about to be opened for writing, or created.
   * @throws EnvError Corruption, InvalidArgument, Busy: nothing was changed in the store then.
   */
  async claim(): Promise<void> {
    const [place, source] = this.#places
    if (source) {
      throw new EnvError(
        'NotSupported',
        `${databaseUrl(place)} has a source: it can be opened read-only only`,
      )
    }
    for (let attempt = 0; attempt < maxClaimAttempts; attempt++) {
      const record = await readOwnerRecord(this.directory)
      const view = await this.#viewToClaim(record, attempt)
      const inherited = await this.#reconcile(view, record)
      this.#owner = view ? await this.#takeOver(view, inherited) : await this.#startNew()
      if (this.#owner) {
        this.#view = undefined
        return
      }
    }
    throw new EnvError('Busy', `${databaseUrl(place)} is being opened by others again and again; try later`)
  }

  async release(): Promise<void> {
    const owner = this.#owner
    if (!owner) return
    try {
      await owner.release()
    } finally {
      this.#owner = undefined
      this.#view = undefined
      if (owner.isGone) {
        await this.#removeUncreated()
        await removeOwnerRecord(this.directory)
      }
    }
  }

  requireOwner(action: string): Owner {
    if (this.#owner) return this.#owner
    throw new EnvError(
      'NotSupported',
      `can't ${action} in ${this.directory}: the database is not open for writing`,
    )
  }

  /**
   * A view that has aged fails the conditions of the claim, and is read anew for the next attempt. Before that
   * the write-ahead log may have been set aside, as one that does not continue it: no aged view is to decide that.
   */
  async #viewToClaim(record: OwnerRecord | undefined, attempt: number): Promise<DatabaseView | undefined> {
    const known = await this.#currentView({ fresh: attempt > 0 })
    const isHarmless = known && (!record || continues(record, known))
    return attempt > 0 || isHarmless ? known : this.#currentView({ fresh: true })
  }

  /**
   * Compares what the local directory remembers with the store, before anything is changed.
   * @returns the record, where the write-ahead log continues what the store has; a log that does not is set aside.
   */
  async #reconcile(
    view: DatabaseView | undefined,
    record: OwnerRecord | undefined,
  ): Promise<OwnerRecord | undefined> {
    const url = databaseUrl(this.#places[0])
    const local = (await readDirectory(this.directory)) ?? []
    if (!record && local.includes('CURRENT')) {
      throw new EnvError(
        'InvalidArgument',
        `${this.directory} holds a database that was not opened from ${url}. Open it with the Env it was ` +
          'made with, or choose another directory',
      )
    }
    if (record && record.url !== url) {
      throw new EnvError(
        'InvalidArgument',
        `${this.directory} belongs to ${record.url}, not to ${url}. Open it with that store, or choose another directory`,
      )
    }
    if (record && !record.creating && !view) {
      throw new EnvError(
        'NotFound',
        `${url} has no database any more, and ${this.directory} was opened from it. Bring its CLOUDMANIFEST back, or, to ` +
          'begin anew, move the local directory away and remove what is left in the store',
      )
    }
    if (view && continues(record, view)) return record
    const stale = record ? record.epochs.at(-1) : 'unknown'
    await setAside(
      this.directory,
      local.filter((name) => parseFileName(name).kind === 'wal'),
      `set-aside-${stale}`,
    )
    return undefined
  }

  /** @returns undefined when somebody else was quicker. */
  async #takeOver(view: DatabaseView, record: OwnerRecord | undefined): Promise<Owner | undefined> {
    const [place] = this.#places
    const epoch = newEpoch(() => randomBytes(8))
    const writer = randomUUID()
    const url = databaseUrl(place)
    const inherited = record?.epochs ?? []
    const claim = await claimDatabase(place, this.#deps.config.cookie, view, epoch, writer, () =>
      writeOwnerRecord(this.directory, { url, epochs: [...inherited, epoch], creating: false }),
    )
    if (!claim) return undefined
    await this.#makeLocal(view, claim.manifestBytes)
    await writeOwnerRecord(this.directory, { url, epochs: [epoch], creating: false })
    return this.#own(epoch, writer, view, claim, garbageOf(place, view, claim.cloudManifest))
  }

  /** @returns undefined when somebody else has created it by now. */
  async #startNew(): Promise<Owner | undefined> {
    const [place] = this.#places
    const { cookie } = this.#deps.config
    const objects = await listObjects(place)
    if (objects.has(objectName({ kind: 'cloudManifest', cookie }))) return undefined
    const leftovers = await leftoversOfCreation(place, objects, cookie)
    const epoch = newEpoch(() => randomBytes(8))
    await this.#removeUncreated()
    await writeOwnerRecord(this.directory, { url: databaseUrl(place), epochs: [epoch], creating: true })
    return this.#own(epoch, randomUUID(), undefined, undefined, leftovers)
  }

  #own(
    epoch: Epoch,
    writer: string,
    view: DatabaseView | undefined,
    claimed:
      | {
          readonly cloudManifestEtag: string
          readonly manifestEtag: string
          readonly cloudManifest: CloudManifest
        }
      | undefined,
    garbage: readonly ObjectKey[],
  ): Owner {
    const [place] = this.#places
    const { config, clock, cache } = this.#deps
    return new Owner(
      {
        place,
        directory: this.directory,
        cookie: config.cookie,
        epoch,
        writer,
        claimed,
        files: view && claimed ? filesOf(view, claimed.cloudManifest) : new Map(),
        hasIdentity: view?.objects.has('IDENTITY') ?? false,
        garbage,
      },
      {
        clock,
        deletionDelayMs: config.deletionDelayMs,
        ownershipCheckMs: config.ownershipCheckMs,
        cachedFile: (file) => this.#cachedFile(file),
        adopt: (file, localPath) => cache.adopt(file, localPath),
        forget: (file) => cache.remove(this.#cacheName(file)),
        fenced: (message) => this.#deps.fenced(this.directory, message),
        creating: async () => {
          await assertConditionalPuts(place.store, place.path)
        },
        created: () =>
          writeOwnerRecord(this.directory, { url: databaseUrl(place), epochs: [epoch], creating: false }),
      },
    )
  }

  /** Makes the local directory say what the store says, write-ahead log aside. */
  async #makeLocal(view: DatabaseView, manifestBytes: Uint8Array): Promise<void> {
    await mkdir(this.directory, { recursive: true })
    await this.#adoptLeftFiles(view)
    await this.#removeLocal(isReplaced)
    const manifestName = manifestFileName(inheritedManifest)
    await writeFileDurably(join(this.directory, manifestName), manifestBytes)
    await writeFileDurably(join(this.directory, 'IDENTITY'), await this.#metadata(view, 'IDENTITY'))
    await writeFileDurably(join(this.directory, 'CURRENT'), `${manifestName}\n`)
    await fsyncDirectory(this.directory)
  }

  /** Tables that reached the store just before a crash need not be fetched again. */
  async #adoptLeftFiles(view: DatabaseView): Promise<void> {
    for (const file of view.files.values()) {
      const path = join(this.directory, file.objectName)
      const size = await stat(path).then(
        (found) => found.size,
        () => undefined,
      )
      const cached = this.#cachedFile(file)
      if (size === file.size && cached.presentBytes === 0) await this.#deps.cache.adopt(cached, path)
    }
  }

  /** What an attempt to create the database left here: it never came to be, so nothing of it was acknowledged. */
  async #removeUncreated(): Promise<void> {
    await this.#removeLocal((name) => {
      const { kind } = parseFileName(name)
      return kind === 'current' || kind === 'identity' || isReplaced(name)
    })
  }

  async #removeLocal(isGone: (name: string) => boolean): Promise<void> {
    const names = (await readDirectory(this.directory)) ?? []
    for (const name of names.filter(isGone)) await rm(join(this.directory, name), { force: true })
  }

  async #metadata(view: DatabaseView | undefined, name: string): Promise<Uint8Array> {
    const [place] = this.#places
    if (!view) {
      throw new EnvError('NotFound', `${databaseUrl(place)} has no database, so there is no ${name}`)
    }
    if (name === 'CURRENT') return Buffer.from(`${manifestFileName(inheritedManifest)}\n`)
    if (name === 'IDENTITY') {
      const identity = await getFirst(this.#places, name)
      return Buffer.from(
        Buffer.from(identity?.object.body ?? [])
          .toString('latin1')
          .trim(),
      )
    }
    return view.manifestBytes
  }

  /** One state of the database, kept until a fresh one is asked for. */
  async #currentView({ fresh = false } = {}): Promise<DatabaseView | undefined> {
    const known = this.#view
    if (known && !fresh) return known
    const view = this.#freshView(known)
    this.#view = view
    // A failure is told to whoever asked, and not kept.
    view.catch(() => {
      if (this.#view === view) this.#view = undefined
    })
    return view
  }

  async #freshView(known: Promise<DatabaseView | undefined> | undefined): Promise<DatabaseView | undefined> {
    const { cookie } = this.#deps.config
    const view = await known?.catch(() => undefined)
    return view && (await isCurrent(view, this.#places, cookie)) ? view : readView(this.#places, cookie)
  }

  #cachedFile(file: StoredFile): CachedFile {
    const { place } = file
    const key = objectKey(place, file.objectName)
    return this.#deps.cache.file(this.#cacheName(file), file.size, async (offset, length) => {
      const { body } = await place.store.get(key, { offset, length }).catch((error: unknown) => {
        if (!EnvError.is(error, 'NotFound')) throw error
        throw new EnvError(
          'PathNotFound',
          `${databaseUrl(place)}/${file.objectName} is gone from the store. A reader of an older state has to open the ` +
            'database again; for anybody else the object has to be brought back',
          { cause: error },
        )
      })
      if (body.length === length) return body
      throw new EnvError(
        'Corruption',
        `${databaseUrl(place)}/${file.objectName} ends at byte ${offset + body.length}, before the ${file.size} bytes it had`,
      )
    })
  }

  #cacheName(file: StoredFile): string {
    return join(relative(this.#deps.config.root, this.directory), file.objectName)
  }
}

/** RocksDB numbers files from 2 on in a database that has a MANIFEST, so 1 collides with none. */
const inheritedManifest = 1

const maxClaimAttempts = 10

/** Whether the write-ahead log beside the record goes on from this state of the database. */
function continues(record: OwnerRecord | undefined, { cloudManifest }: DatabaseView): boolean {
  return record?.epochs.includes(cloudManifest.current) ?? false
}

/** A local name that RocksDB is to see: not one of ours. */
function isRocksName(name: string): boolean {
  return !(
    name === ownerRecordName ||
    name.startsWith('set-aside-') ||
    name.startsWith('.') ||
    isStoredName(name) ||
    name.endsWith('.tmp')
  )
}

/** A table or blob file under its name in the store. */
function isStoredName(name: string): boolean {
  const parsed = parseObjectName(name)
  return (parsed?.kind === 'table' || parsed?.kind === 'blob') && parsed.epoch !== ''
}

/** What a local directory holds of an earlier opening that the next one makes anew, or has in the store. */
function isReplaced(name: string): boolean {
  const { kind } = parseFileName(name)
  return kind === 'manifest' || kind === 'trash' || kind === 'temp' || isStoredName(name)
}

/** The stored files that the names of the new epoch still lead to: not what was written and never committed. */
function filesOf(view: DatabaseView, cloudManifest: CloudManifest): Map<string, StoredFile> {
  return new Map(
    [...view.files].filter(([, { objectName }]) => isVisible(parseObjectName(objectName), cloudManifest)),
  )
}

/** Objects of this place that an epoch of this database wrote, and to which none leads any more. */
function garbageOf(place: DatabasePlace, view: DatabaseView, cloudManifest: CloudManifest): ObjectKey[] {
  return [...view.objects.keys()]
    .filter((name) => isLeftBehind(parseObjectName(name), cloudManifest))
    .map((name) => objectKey(place, name))
}

/** The path of a database below the root, as the segments of its keys. */
export function pathSegments(root: string, directory: string): string[] {
  return relative(root, directory)
    .split(sep)
    .filter((segment) => segment !== '')
}
