import { randomUUID } from 'node:crypto'
import { link, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, sleep } from '../env/clock.js'
import { EnvError } from '../env/env-error.js'
import { livenessOf, ownIdentity, type ProcessIdentity } from './process-identity.js'

interface Holder extends ProcessIdentity {
  /** Identifies one acquisition, not a process. */
  readonly id: string
}

/** Time after which a holder is given up if nothing tells whether it lives. It holds the lock for milliseconds. */
const strangerMs = 60_000
const waitAtMostMs = 120_000
const firstPauseMs = 1
const longestPauseMs = 50

/**
 * Mutual exclusion between processes that share a directory, by a file that names its holder. The file appears complete
 * (a hard link to a written one), never in part. A process that finds a dead holder takes a second lock, named after
 * that very acquisition, checks again, and removes the file. So nobody removes a lock that somebody else has just
 * taken.
 */
export class DirectoryLock {
  readonly #path: string
  readonly #drafts: string
  readonly #clock: Clock
  /** Turns within this process, which need not poll for each other. */
  #lastTurn: Promise<unknown> = Promise.resolve()
  /** Acquisitions that ended while their file was out of reach. The file comes back with its file system. */
  readonly #over = new Set<string>()

  /** `drafts` is a directory for files that mean nothing if their process dies. Both must exist. */
  constructor(path: string, drafts: string, clock: Clock) {
    this.#path = path
    this.#drafts = drafts
    this.#clock = clock
  }

  run<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#lastTurn.then(() => this.#holding(this.#path, action))
    this.#lastTurn = turn.catch(() => {})
    return turn
  }

  async #holding<T>(path: string, action: () => Promise<T>): Promise<T> {
    const id = await this.#acquire(path)
    try {
      return await action()
    } finally {
      this.#over.add(id)
      if (await this.#removeOf(path, id)) this.#over.delete(id)
    }
  }

  /** @returns the id of the acquisition. */
  async #acquire(path: string): Promise<string> {
    const holder: Holder = { id: randomUUID(), ...ownIdentity() }
    const draft = join(this.#drafts, `lock-${holder.id}`)
    await writeFile(draft, JSON.stringify(holder))
    const deadline = this.#clock.elapsed() + waitAtMostMs
    try {
      for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
        if (await linked(draft, path)) return holder.id
        const other = await readHolder(path)
        if (other === undefined) continue
        if (await this.#isAbandoned(path, other)) await this.#clear(path, other)
        else if (this.#clock.elapsed() > deadline) throw stuck(path, other)
        else await sleep(this.#clock, pauseMs)
      }
    } finally {
      await rm(draft, { force: true })
    }
  }

  async #clear(path: string, gone: Holder): Promise<void> {
    await this.#holding(`${path}-${gone.id}`, () => this.#removeOf(path, gone.id))
    this.#over.delete(gone.id)
  }

  /**
   * Removes the lock file if it is of this acquisition: ours may be somebody else's by now, if we slept for so long
   * that we were given up.
   * @returns whether it was there.
   */
  async #removeOf(path: string, id: string): Promise<boolean> {
    if ((await readHolder(path))?.id !== id) return false
    await rm(path, { force: true })
    return true
  }

  async #isAbandoned(path: string, holder: Holder): Promise<boolean> {
    if (this.#over.has(holder.id)) return true
    const liveness = holder.id === unreadable.id ? 'gone' : livenessOf(holder)
    if (liveness !== 'unknown') return liveness === 'gone'
    const since = await stat(path).catch(() => undefined)
    return since !== undefined && this.#clock.now() - since.mtimeMs > strangerMs
  }
}

/** Stands for a lock file that a power cut has damaged: these are never synced. */
const unreadable: Holder = { id: 'unreadable', pid: 0, started: '', machine: '' }

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function readHolder(path: string): Promise<Holder | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    const { id, pid, started, machine } = JSON.parse(text)
    if (/^[0-9a-f-]{36}$/.test(id))
      return { id, pid: Number(pid), started: `${started}`, machine: `${machine}` }
  } catch {
    // Falls through.
  }
  return unreadable
}

function stuck(path: string, holder: Holder): EnvError {
  return new EnvError(
    'TimedOut',
    `waited ${waitAtMostMs / 1000} s for ${path}, which process ${holder.pid} holds. If that process hangs, end it`,
    { retryable: true },
  )
}
