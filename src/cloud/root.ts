import { relative, sep } from 'node:path'
import { EnvError } from '../env/env-error.js'
import { realPath } from '../env/real-path.js'
import { cacheName } from './cloud-env-options.js'

/**
 * The directory below which the databases of an Env lie. A directory in it may have several paths, through symbolic
 * links, but is one database.
 */
export class Root {
  readonly path: string
  /** Real paths, by the path that a program used: the last {@link maxPaths}, and all of databases open for writing. */
  readonly #realPaths = new Map<string, string>()
  /** Real paths of the databases that are open for writing. */
  readonly #open = new Set<string>()

  /** @param path without symbolic links. */
  constructor(path: string) {
    this.path = path
  }

  realPath(directory: string): string {
    const known = this.#realPaths.get(directory)
    if (known !== undefined) return known
    const real = realPath(directory)
    this.#realPaths.set(directory, real)
    if (this.#realPaths.size > maxPaths) this.#forgetOldest()
    return real
  }

  /** Paths that were used for a directory, given by its real path. */
  aliasesOf(directory: string): string[] {
    return [...this.#realPaths].filter(([, real]) => real === directory).map(([alias]) => alias)
  }

  /** The directory, given by its real path, is open for writing: the paths that lead there do so until it is closed. */
  opened(directory: string): void {
    this.#open.add(directory)
  }

  /** Links that lead to a directory may lead elsewhere from now on. */
  closed(directory: string): void {
    this.#open.delete(directory)
    for (const alias of this.aliasesOf(directory)) this.#realPaths.delete(alias)
  }

  /**
   * False for what is none of the Env's: a plain local directory.
   * @throws EnvError InvalidArgument: it is the Env's own.
   */
  holds(directory: string): boolean {
    const real = this.realPath(directory)
    const segments = relative(this.path, real).split(sep)
    if (segments.includes(cacheName)) {
      throw new EnvError(
        'InvalidArgument',
        `${real} lies in a "${cacheName}", which is an Env's own. Choose another path`,
      )
    }
    return segments[0] !== '..'
  }

  /**
   * A database opened for writing has to lie here.
   * @throws EnvError InvalidArgument
   */
  assertHolds(directory: string): void {
    if (this.holds(directory)) return
    const real = this.realPath(directory)
    const shown = real === directory ? directory : `${directory}, which leads to ${real},`
    throw new EnvError(
      'InvalidArgument',
      `${shown} does not lie below the Env's root ${this.path}. Choose a path below it, or another "root"`,
    )
  }

  #forgetOldest(): void {
    for (const [path, real] of this.#realPaths) {
      if (this.#open.has(real)) continue
      this.#realPaths.delete(path)
      return
    }
  }
}

/** A program may look at any number of directories; a forgotten path costs a system call when it is used again. */
const maxPaths = 1000
