import { databaseUrl, type Places } from '../catalog/database-place.js'
import type { FoundState } from '../catalog/find-state.js'
import { readIdentity } from '../catalog/identity.js'
import { damagedInStoreMessage } from '../catalog/repair-advice.js'
import type { StoredFile } from '../catalog/stored-file.js'
import type { ReadableFile, Refetched, SparseFile } from '../env/env.js'
import { EnvError } from '../env/env-error.js'
import type { CachedFile } from './cached-file.js'
import { inheritedManifest } from './local-database.js'
import { ServedBytes } from './served-bytes.js'

/** One state of a database as files, which never change: no write-ahead log continues it. */
export class PastDatabase {
  readonly #state: FoundState
  readonly #places: Places
  readonly #cachedFile: (file: StoredFile) => CachedFile
  #identity: Promise<Uint8Array> | undefined

  /** @param cachedFile local side of a stored file, which the present database shares. */
  constructor(state: FoundState, places: Places, cachedFile: (file: StoredFile) => CachedFile) {
    this.#state = state
    this.#places = places
    this.#cachedFile = cachedFile
  }

  /** The same for the same state of a database. */
  get id(): string {
    return this.#state.id
  }

  children(): string[] {
    return ['CURRENT', 'IDENTITY', inheritedManifest, ...this.#state.files.keys()]
  }

  async openMetadata(name: string): Promise<ReadableFile> {
    return new ServedBytes(await this.#metadata(name))
  }

  async metadataSize(name: string): Promise<number> {
    return (await this.#metadata(name)).length
  }

  async openFile(name: string): Promise<SparseFile> {
    return this.#cachedFile(await this.file(name)).open()
  }

  async file(name: string): Promise<StoredFile> {
    const file = this.#state.files.get(name)
    if (file) return file
    throw new EnvError('NotFound', `the state ${this.id} of ${databaseUrl(this.#places[0])} has no ${name}`)
  }

  async liveFile(name: string): Promise<StoredFile> {
    return this.file(name)
  }

  /** See {@link Env.refetch}. */
  async refetch(name: string, offset: number, length: number, ageMs: number): Promise<Refetched> {
    const file = await this.file(name)
    const isOther = await this.#cachedFile(file).refetch(offset, length, ageMs)
    const url = databaseUrl(file.place)
    return { isOther, advice: damagedInStoreMessage(`${url}/${file.objectName}`, url) }
  }

  async forgetCached(): Promise<void> {
    for (const file of this.#state.files.values()) await this.#cachedFile(file).refetch(0, 0, 0)
  }

  async #metadata(name: string): Promise<Uint8Array> {
    if (name === 'CURRENT') return Buffer.from(`${inheritedManifest}\n`)
    if (name === 'IDENTITY') return this.#readIdentity()
    if (name === inheritedManifest) return this.#state.manifestBytes
    throw new EnvError('NotFound', `the state ${this.id} of ${databaseUrl(this.#places[0])} has no ${name}`)
  }

  #readIdentity(): Promise<Uint8Array> {
    const reading = this.#identity ?? readIdentity(this.#places).then((found) => Buffer.from(found ?? ''))
    this.#identity = reading
    reading.catch(() => {
      this.#identity = undefined
    })
    return reading
  }
}
