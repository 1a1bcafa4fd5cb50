import { RocksDBError } from '../binding/rocksdb-error.js'
import { systemClock } from '../env/clock.js'
import { EnvError } from '../env/env-error.js'
import { whenOverdue } from '../env/overdue.js'
import type { StateSelector } from '../env/state-selector.js'
import type { HostedEnv } from '../host/hosted-env.js'

const all = new Set<EnvUse>()

/** One database's use of its Env, from the start of its opening to the end of its closing. */
export class EnvUse {
  readonly #env: HostedEnv | undefined
  readonly #path: string
  #statePath: string | undefined

  constructor(env: HostedEnv | undefined, path: string) {
    this.#env = env
    this.#path = path
    all.add(this)
  }

  /** The process ends: soon nothing will wait for a store any more. */
  static expireAll(): void {
    for (const use of all) use.#env?.expire?.()
  }

  get flushOnClose(): boolean {
    return this.#env?.flushOnClose ?? false
  }

  get refusedOptions(): HostedEnv['refusedOptions'] {
    return this.#env?.refusedOptions
  }

  /** Directory of a past state, to be opened read-only. Released at the end. */
  async stateAt(at: StateSelector): Promise<string> {
    try {
      this.#statePath = await this.#env!.stateAt!(this.#path, at)
      return this.#statePath
    } catch (error) {
      if (!EnvError.is(error)) throw error
      throw new RocksDBError(error.code, error.message, { cause: error })
    }
  }

  /** Once the time is up, everything in a store that `action` waits for fails. Calls `onOverdue` before that. */
  async within<T>(timeoutMs: number, action: () => Promise<T>, onOverdue?: () => void): Promise<T> {
    const stop = whenOverdue(systemClock, timeoutMs, () => {
      onOverdue?.()
      this.#env?.abandon?.(this.#path)
    })
    try {
      return await action()
    } finally {
      stop()
    }
  }

  end(): void {
    all.delete(this)
    const isLast = ![...all].some((use) => use.#env === this.#env && use.#path === this.#path)
    if (isLast) this.#env?.closed?.(this.#path)
    if (this.#statePath !== undefined) this.#env?.releaseState?.(this.#statePath)
    this.#statePath = undefined
  }
}
