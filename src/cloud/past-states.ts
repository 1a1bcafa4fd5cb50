import { join, relative, resolve } from 'node:path'
import { EnvError } from '../env/env-error.js'
import { cacheName } from './cloud-env-options.js'
import type { PastDatabase } from './past-database.js'

/**
 * The past states that programs read. Each has a directory of its own below the Env's, where nothing lies on the disk:
 * RocksDB opens any number of them, and the present state, at once.
 */
export class PastStates {
  readonly #root: string
  readonly #states = new Map<string, { readonly database: PastDatabase; readers: number }>()

  /** @param root of the Env, without symbolic links. */
  constructor(root: string) {
    this.#root = root
  }

  /**
   * Adds a reader of the state.
   * @param directory of the database, without symbolic links.
   * @returns the directory of the state.
   */
  add(directory: string, database: PastDatabase): string {
    const path = join(this.#root, cacheName, 'at', relative(this.#root, directory), database.id)
    const known = this.#states.get(path) ?? { database, readers: 0 }
    known.readers += 1
    this.#states.set(path, known)
    return path
  }

  /** A reader is done. @param path as {@link add} returned it. */
  release(path: string): void {
    const state = this.#states.get(path)
    if (!state) return
    state.readers -= 1
    if (state.readers === 0) this.#states.delete(path)
  }

  /** The state whose directory this is; undefined for any other directory. */
  at(directory: string): PastDatabase | undefined {
    return this.#states.size === 0 ? undefined : this.#states.get(resolve(directory))?.database
  }

  /** @throws EnvError NotSupported: the directory is that of a past state. */
  assertNone(directory: string, action: string): void {
    if (this.at(directory))
      throw new EnvError('NotSupported', `can't ${action}: ${directory} is a past state, which never changes`)
  }
}
