/** Envs as a user would write them: loaded in the thread that hosts them. */
import { rm } from 'node:fs/promises'
import { createMemoryEnv, createPosixEnv, DelegatingEnv, EnvError } from 'rocksdb-cloud-env'

class MeasuredEnv extends DelegatingEnv {
  #options

  constructor(options) {
    super(createMemoryEnv())
    this.#options = options
  }

  metrics() {
    return { options: this.#options }
  }

  async fileExists(path) {
    if (path === '/crash') setImmediate(() => Promise.reject(new Error('a bug in the Env')))
    if (path === '/exit') process.exit(3)
    return await super.fileExists(path)
  }

  async close() {
    if (this.#options?.failClose) throw new EnvError('TimedOut', 'close: no answer', { retryable: true })
  }
}

export async function createMeasuredEnv(options) {
  return new MeasuredEnv(options)
}

/** Tells every look for a file, as long as somebody wants to hear it. Its metrics are the events that are wanted. */
class TellingEnv extends DelegatingEnv {
  #names = []
  #send

  listen(names, send) {
    this.#names = names
    this.#send = send
  }

  metrics() {
    return this.#names
  }

  async fileExists(path) {
    if (this.#names.includes('look')) this.#send([{ name: 'look', value: path }])
    return await super.fileExists(path)
  }
}

export function createTellingEnv() {
  return new TellingEnv(createMemoryEnv())
}

/** Makes no room itself. Before it says so, somebody else removes the ballast. */
class EmptyHandedEnv extends DelegatingEnv {
  #ballast

  constructor({ ballast }) {
    super(createPosixEnv())
    this.#ballast = ballast
  }

  async makeRoom() {
    await rm(this.#ballast, { force: true })
    return false
  }
}

export function createEmptyHandedEnv(options) {
  return new EmptyHandedEnv(options)
}

export function createNothing({ how }) {
  if (how === 'TypeError') throw new TypeError('expected "store" to be a URL, got 7')
  if (how === 'RangeError') throw new RangeError('expected "maxBytes" to be positive, got -1')
  if (how === 'EnvError') throw new EnvError('NotFound', 'no such bucket', { scope: 'fileSystem' })
  throw null
}

export const notAFunction = 7
