import { type Clock, sleep } from '../env/clock.js'
import { EnvError } from '../env/env-error.js'
import { type FileLock, lockFile } from '../env/file-lock.js'

const waitAtMostMs = 120_000
const firstPauseMs = 1
const longestPauseMs = 50

/**
 * Mutual exclusion between processes that share a directory, by a lock on a file in it. The kernel releases the lock of
 * a process that dies. The file is opened anew each time, since another disk may be mounted there by then.
 */
export class DirectoryLock {
  readonly #path: string
  readonly #clock: Clock
  /** Turns within this process, which need not poll for each other. */
  #lastTurn: Promise<unknown> = Promise.resolve()

  /** The directory of `path` must exist. Nobody ever deletes the file. */
  constructor(path: string, clock: Clock) {
    this.#path = path
    this.#clock = clock
  }

  /** Calls `action` while nobody else holds the lock, neither in this process nor in another. */
  runExclusive<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#lastTurn.then(() => this.#holding(action))
    this.#lastTurn = turn.catch(() => {})
    return turn
  }

  async #holding<T>(action: () => Promise<T>): Promise<T> {
    const lock = await this.#acquire()
    try {
      return await action()
    } finally {
      await lock.close()
    }
  }

  async #acquire(): Promise<FileLock> {
    const deadline = this.#clock.elapsed() + waitAtMostMs
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      const lock = await lockFile(this.#path)
      if (lock) return lock
      if (this.#clock.elapsed() > deadline) throw lockTimedOut(this.#path)
      await sleep(this.#clock, pauseMs)
    }
  }
}

function lockTimedOut(path: string): EnvError {
  return new EnvError(
    'TimedOut',
    `waited ${waitAtMostMs / 1000} s for the lock on ${path}, which another process holds. If that process hangs, end it: ` +
      '"lsof" with this path shows it on its machine',
    { retryable: true },
  )
}
