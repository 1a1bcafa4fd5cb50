import { EnvError } from '../env/env-error.js'
import type { WarmUpOptions, WarmUpResult } from '../env/warm-up.js'

interface UnderWay {
  readonly directory: string
  readonly abort: AbortController
  /** Never rejects. */
  readonly end: Promise<unknown>
}

/** The warm-ups under way in an Env. */
export class WarmUps {
  readonly #underWay = new Set<UnderWay>()

  /** @param directory of the database, without symbolic links. */
  async run(
    directory: string,
    options: WarmUpOptions,
    work: (options: WarmUpOptions) => Promise<WarmUpResult>,
  ): Promise<WarmUpResult> {
    const abort = new AbortController()
    const signal = options.signal ? AbortSignal.any([options.signal, abort.signal]) : abort.signal
    const working = work({ ...options, signal })
    const underWay = { directory, abort, end: working.catch(() => undefined) }
    this.#underWay.add(underWay)
    try {
      return await working
    } finally {
      this.#underWay.delete(underWay)
    }
  }

  /** Ends those of a database, or all. Resolves once nothing of them goes on. */
  async end(closed: 'the database' | 'the Env', directory?: string): Promise<void> {
    const ending = [...this.#underWay].filter((one) => directory === undefined || one.directory === directory)
    for (const { directory, abort } of ending) {
      abort.abort(
        new EnvError('IOError', `the warm-up of ${directory} has ended: ${closed} was closed`, {
          retryable: true,
        }),
      )
    }
    await Promise.all(ending.map(({ end }) => end))
  }
}
