import { systemClock } from '../env/clock.js'
import { whenOverdue } from '../env/overdue.js'
import type { HostedEnv } from '../host/hosted-env.js'

const all = new Set<EnvUse>()

/** One database's use of its Env, from the start of its opening to the end of its closing. */
export class EnvUse {
  readonly #env: HostedEnv | undefined
  readonly #path: string

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
  }
}
