import { EnvError } from '../env/env-error.js'

/**
 * Recorded sources of a clone that can't be read. Nothing of the clone may lie there any more, as after a savepoint:
 * only a file that is nowhere else shows that it matters.
 */
export class Unreached {
  /** Why the first of them can't be read; undefined: all can. */
  reason: EnvError | undefined

  /** Reads at a source; undefined if it can't be read. */
  async attempt<T>(reading: Promise<T>): Promise<T | undefined> {
    try {
      return await reading
    } catch (error) {
      if (!EnvError.is(error)) throw error
      this.reason ??= error
      return undefined
    }
  }
}
