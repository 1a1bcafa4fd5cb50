import { randomUUID } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { link, readdir, rename, rm, rmdir, stat, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type Clock, systemClock } from '../env/clock.js'
import { makeDirectory, syncDirectory } from '../env/durable-file.js'
import { EnvError, toEnvError } from '../env/env-error.js'
import { systemFiles } from '../env/files.js'
import { DirectoryLock } from './directory-lock.js'
import { DirectoryMetadata, type UserMetadata } from './directory-metadata.js'
import { isDirectory, privateName } from './directory-root.js'
import { assertFile, describeFile, etagOf, openToRead, readRange, writeDraft } from './object-file.js'
import { assertObjectKey, compareKeys, isKeyPrefix, isObjectKey } from './object-key.js'
import {
  type ByteRange,
  type ListOptions,
  type ObjectInfo,
  type ObjectKey,
  type ObjectStore,
  PreconditionFailed,
  type PutBody,
  type PutOptions,
  type PutResult,
  type StoredObject,
} from './object-store.js'
import type { StoreOperation } from './store-request.js'
import { urlPath } from './store-url.js'

export interface DirectoryStoreOptions {
  /** Created with the first object. */
  readonly directory: string
  readonly clock?: Clock
}

const abandonedDraftMs = 24 * 60 * 60 * 1000
/** Files looked at in parallel while listing. */
const pageSize = 1000

/**
 * An object store in a directory: each object is a file, its key the path. Any directory tree can be
 * read as one. Writes are atomic and conditional writes exclude each other, also between processes:
 * an object is written aside, synced, and put in place under a lock. Machines exclude each other where
 * the file system that they share passes locks on, as NFS does.
 *
 * A file cannot also be a directory: if `a` is an object, `a/b` cannot be one.
 */
export class DirectoryStore implements ObjectStore {
  readonly url: string
  readonly #root: string
  readonly #drafts: string
  readonly #clock: Clock
  readonly #lock: DirectoryLock
  readonly #metadata: DirectoryMetadata
  #prepared: Promise<void> | undefined
  #isPrepared = false

  constructor({ directory, clock = systemClock }: DirectoryStoreOptions) {
    this.#root = resolve(directory)
    this.url = `file://${urlPath(this.#root)}`
    const own = join(this.#root, privateName)
    this.#drafts = join(own, 'drafts')
    this.#clock = clock
    this.#lock = new DirectoryLock(join(own, 'lock'), clock)
    this.#metadata = new DirectoryMetadata(join(own, 'metadata'), this.#drafts)
  }

  async get(key: ObjectKey, range?: ByteRange): Promise<StoredObject> {
    return this.#perform('get', key, async (path) => {
      const file = await openToRead(path)
      try {
        const info = await this.#infoOf(key, await file.stat({ bigint: true }))
        return { ...info, body: await readRange(file, info.size, range) }
      } finally {
        await file.close()
      }
    })
  }

  async head(key: ObjectKey): Promise<ObjectInfo> {
    return this.#perform('head', key, async (path) => this.#infoOf(key, await stat(path, { bigint: true })))
  }

  async put(key: ObjectKey, body: PutBody, options: PutOptions = {}): Promise<PutResult> {
    return this.#perform('put', key, () =>
      this.#withDraft(async (draft) => {
        assertNotAborted(options.signal)
        await writeDraft(draft, body)
        assertNotAborted(options.signal)
        return await this.#publish(draft, key, options)
      }),
    )
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    if (!isKeyPrefix(prefix) || prefix.startsWith(`${privateName}/`)) return
    await this.#assertNotAway(`list ${this.#urlOf(prefix)}`)
    const base = prefix.slice(0, prefix.lastIndexOf('/') + 1)
    let page: string[] = []
    for await (const key of this.#walk(base, prefix, options)) {
      page.push(key)
      if (page.length < pageSize) continue
      yield* await this.#listed(page)
      page = []
    }
    yield* await this.#listed(page)
  }

  async deleteMany(keys: readonly ObjectKey[]): Promise<void> {
    keys.forEach(assertObjectKey)
    const [first] = keys
    if (first === undefined) return
    await this.#perform('delete', first, async () => {
      if (!this.#isPrepared && !(await isDirectory(this.#root))) return
      await this.#prepare()
      await this.#lock.runExclusive(async () => {
        const directories = new Set<string>()
        for (const key of keys) {
          const path = this.#path(key)
          if (await this.#unlinked(path)) directories.add(dirname(path))
          await this.#metadata.forget(key)
        }
        for (const directory of directories) await this.#syncAndPrune(directory)
      })
    })
  }

  async copy(source: ObjectKey, target: ObjectKey): Promise<PutResult> {
    assertObjectKey(target)
    return this.#perform('copy', source, (file) =>
      this.#withDraft(async (draft) => {
        const { size, metadata } = await this.#infoOf(source, await stat(file, { bigint: true }))
        await writeDraft(draft, { file, size })
        return await this.#publish(draft, target, { metadata })
      }),
    )
  }

  async close(): Promise<void> {}

  /** Checks the key, and turns system errors into ours. */
  async #perform<T>(
    operation: StoreOperation,
    key: ObjectKey,
    perform: (path: string) => Promise<T>,
  ): Promise<T> {
    assertObjectKey(key)
    return perform(this.#path(key)).catch(async (error: unknown) => {
      await this.#assertNotAway(`${operation} ${this.#urlOf(key)}`)
      throw this.#errorOf(error, operation, key)
    })
  }

  /**
   * An unmounted disk looks like an empty directory, or like none: a missing object proves nothing there.
   */
  async #assertNotAway(what: string): Promise<void> {
    if (!this.#isPrepared || (await isDirectory(join(this.#root, privateName)))) return
    throw new EnvError(
      'PathNotFound',
      `${what}: the store's directory is gone, or another one is in its place. Mount it again, or bring it back`,
    )
  }

  #errorOf(error: unknown, operation: StoreOperation, key: ObjectKey): Error {
    const what = `${operation} ${this.#urlOf(key)}`
    switch ((error as NodeJS.ErrnoException | undefined)?.code) {
      case 'ENOENT':
        if (operation === 'put') {
          const reason = `the store's directory is gone, or was changed by others: ${(error as Error).message}`
          return new EnvError('IOError', `${what}: ${reason}`, { cause: error })
        }
        return new EnvError('NotFound', `${what}: there is no such object`, { cause: error })
      case 'EISDIR':
      case 'ENOTDIR':
      case 'ENXIO':
      case 'EEXIST':
        if (operation !== 'put' && operation !== 'copy') {
          return new EnvError('NotFound', `${what}: there is no such object`, { cause: error })
        }
        return new EnvError(
          'InvalidArgument',
          `${what}: a file cannot be a directory too. A store in a directory cannot hold objects at "a" and at "a/b"`,
          { cause: error },
        )
      default:
        if (error === aborted) return new EnvError('IOError', `${what}: aborted`, { retryable: true })
        return toEnvError(error, what)
    }
  }

  #urlOf(key: string): string {
    return `${this.url}/${urlPath(key)}`
  }

  #path(key: ObjectKey): string {
    if (!this.#isUsable(key)) {
      throw new TypeError(
        `expected a key outside ${privateName}, which the store keeps for itself, got "${key}"`,
      )
    }
    return join(this.#root, key)
  }

  #isUsable(key: string): boolean {
    return isObjectKey(key) && key !== privateName && !key.startsWith(`${privateName}/`)
  }

  async #infoOf(key: ObjectKey, stats: BigIntStats): Promise<ObjectInfo> {
    const info = describeFile(key, assertFile(stats))
    return { ...info, metadata: await this.#metadata.read(key, info.etag) }
  }

  /** Puts the draft in place, if the condition holds. */
  async #publish(
    draft: string,
    key: ObjectKey,
    { condition, metadata = {} }: PutOptions,
  ): Promise<PutResult> {
    const path = this.#path(key)
    const after = { etag: etagOf(await stat(draft, { bigint: true })), metadata: lowerCased(metadata) }
    await this.#lock.runExclusive(async () => {
      const before = await stat(path, { bigint: true }).then(
        (stats) => ({ etag: etagOf(assertFile(stats)) }),
        (error: unknown) => {
          if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
          throw error
        },
      )
      this.#check(condition, before, key)
      await makeDirectory(systemFiles, dirname(path))
      await this.#metadata.replacing(key, before, after, async () => {
        if (condition === 'absent') await link(draft, path)
        else await rename(draft, path)
        await syncDirectory(systemFiles, dirname(path))
      })
    })
    return { etag: after.etag }
  }

  #check(
    condition: PutOptions['condition'],
    before: { readonly etag: string } | undefined,
    key: ObjectKey,
  ): void {
    if (condition === undefined) return
    const found = before === undefined ? 'no object is there' : `the object there has ETag ${before.etag}`
    if (condition === 'absent') {
      if (before !== undefined) {
        throw new PreconditionFailed(`put ${this.#urlOf(key)}: expected no object there, but ${found}`)
      }
    } else if (before?.etag !== condition.etag) {
      throw new PreconditionFailed(`put ${this.#urlOf(key)}: expected ETag ${condition.etag}, but ${found}`)
    }
  }

  async #withDraft<T>(use: (draft: string) => Promise<T>): Promise<T> {
    await this.#prepare()
    const draft = join(this.#drafts, randomUUID())
    try {
      return await use(draft)
    } finally {
      await rm(draft, { force: true })
    }
  }

  /** Runs once, before the first write: creates the private directory and removes the remains of dead writers. */
  #prepare(): Promise<void> {
    this.#prepared ??= (async () => {
      await makeDirectory(systemFiles, join(this.#root, privateName, 'metadata'))
      await makeDirectory(systemFiles, this.#drafts)
      for (const name of await readdir(this.#drafts)) {
        const draft = join(this.#drafts, name)
        const age = this.#clock.now() - (await modifiedMs(draft))
        if (age > abandonedDraftMs) await rm(draft, { force: true })
      }
      this.#isPrepared = true
    })().catch((error) => {
      this.#prepared = undefined
      throw error
    })
    return this.#prepared
  }

  async #unlinked(path: string): Promise<boolean> {
    try {
      await unlink(path)
      return true
    } catch (error) {
      // EISDIR, EPERM (macOS): a directory is no object.
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return false
      if (code === 'EPERM' && (await stat(path)).isDirectory()) return false
      throw error
    }
  }

  /** Removes directories that are empty now. No put can come between, since both hold the lock. */
  async #syncAndPrune(directory: string): Promise<void> {
    let existing = directory
    while (existing !== this.#root && (await removedIfEmpty(existing))) existing = dirname(existing)
    await syncDirectory(systemFiles, existing).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
  }

  /** Keys below `base` in order. Directories sort as the prefixes that they are. */
  async *#walk(base: string, prefix: string, options: ListOptions): AsyncGenerator<string> {
    const entries = await readdir(join(this.#root, base), { withFileTypes: true }).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return []
        throw toEnvError(error, `list ${this.#urlOf(prefix)}`)
      },
    )
    const { startAfter } = options
    const isAfter = (key: string) => startAfter === undefined || compareKeys(key, startAfter) > 0
    const found = entries
      .filter((entry) => entry.isFile() || entry.isDirectory())
      .map((entry) => ({
        key: `${base}${entry.name}${entry.isDirectory() ? '/' : ''}`,
        nested: entry.isDirectory(),
      }))
      // A long listing may be asked for in parts: few are left to sort.
      .filter(({ key, nested }) => nested || isAfter(key))
      .sort((a, b) => compareKeys(a.key, b.key))
    for (const { key, nested } of found) {
      if (key === privateName || key === `${privateName}/`) continue
      if (nested) {
        const matches = key.startsWith(prefix) || prefix.startsWith(key)
        const isUsable = isObjectKey(key.slice(0, -1))
        if (matches && !options.shallow && (isUsable || options.onLeftOut))
          yield* this.#walk(key, prefix, options)
      } else if (key.startsWith(prefix)) {
        if (!isObjectKey(key)) options.onLeftOut?.(await sizeOf(join(this.#root, key)))
        else yield key
      }
    }
  }

  /** One page, without objects that were deleted after their names were read. */
  async #listed(keys: readonly ObjectKey[]): Promise<readonly ObjectInfo[]> {
    const page = await Promise.all(
      keys.map(async (key) => {
        const stats = await stat(this.#path(key), { bigint: true }).catch(() => undefined)
        return stats?.isFile() ? { ...describeFile(key, stats), metadata: {} } : undefined
      }),
    )
    return page.filter((info) => info !== undefined)
  }
}

const aborted = Symbol('aborted')

function assertNotAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw aborted
}

async function removedIfEmpty(directory: string): Promise<boolean> {
  return rmdir(directory).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
  )
}

/** Size of the file; 0 if it is gone. */
async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  )
}

async function modifiedMs(path: string): Promise<number> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => Number.POSITIVE_INFINITY,
  )
}

/** Names in lower case, as S3 returns them. */
function lowerCased(metadata: UserMetadata): UserMetadata {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name.toLowerCase(), value]))
}
