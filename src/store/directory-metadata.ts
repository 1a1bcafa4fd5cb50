import { createHash, randomUUID } from 'node:crypto'
import { readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { syncDirectory, writeSynced } from '../env/durable-file.js'
import { systemFiles } from '../env/files.js'
import type { ObjectKey } from './object-store.js'

export type UserMetadata = Readonly<Record<string, string>>

/** The metadata of the versions that the object may have at this moment, oldest first. */
interface Sidecar {
  readonly key: ObjectKey
  readonly versions: readonly { readonly etag: string; readonly metadata: UserMetadata }[]
}

/**
 * User metadata of the objects in a directory, in a file beside each that has some. Object and sidecar
 * cannot change in one step, so while an object is replaced its sidecar holds the metadata of both
 * versions, told apart by their ETags. Calls that change anything run under the store's lock.
 */
export class DirectoryMetadata {
  readonly #directory: string
  readonly #drafts: string

  constructor(directory: string, drafts: string) {
    this.#directory = directory
    this.#drafts = drafts
  }

  /** If no version matches, the objects were copied without their times: then the newest applies. */
  async read(key: ObjectKey, etag: string): Promise<UserMetadata> {
    const versions = (await this.#load(key))?.versions ?? []
    return (versions.find((version) => version.etag === etag) ?? versions.at(-1))?.metadata ?? {}
  }

  /**
   * Runs `replace`, which turns the object from `before` to `after`, so that nobody ever sees the object with the
   * metadata of the other version.
   */
  async replacing(
    key: ObjectKey,
    before: { readonly etag: string } | undefined,
    after: { readonly etag: string; readonly metadata: UserMetadata },
    replace: () => Promise<void>,
  ): Promise<void> {
    const old = await this.#load(key)
    const bare = Object.keys(after.metadata).length === 0
    if (old === undefined && bare) return await replace()

    const current = before && { etag: before.etag, metadata: await this.read(key, before.etag) }
    await this.#save({ key, versions: current ? [current, after] : [after] })
    await replace()
    if (bare) await this.forget(key)
    else if (current) await this.#save({ key, versions: [after] })
  }

  async forget(key: ObjectKey): Promise<void> {
    await rm(this.#path(key), { force: true })
  }

  async #load(key: ObjectKey): Promise<Sidecar | undefined> {
    try {
      return JSON.parse(await readFile(this.#path(key), 'utf8'))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  async #save(sidecar: Sidecar): Promise<void> {
    const draft = join(this.#drafts, randomUUID())
    await writeSynced(systemFiles, draft, JSON.stringify(sidecar))
    await rename(draft, this.#path(sidecar.key))
    await syncDirectory(systemFiles, this.#directory)
  }

  /** Keys are paths of any depth; a digest keeps the sidecars in one directory, whatever the key. */
  #path(key: ObjectKey): string {
    return join(this.#directory, `${createHash('sha256').update(key).digest('hex')}.json`)
  }
}
