/** Env in memory whose tables cannot be created or committed for a while. */
import { EnvError } from '#src/env/env-error.js'
import { MemoryEnv } from '#src/env/memory-env.js'

class OutageEnv extends MemoryEnv {
  #failures
  #error
  #failing
  #hasTable = false

  /** `failing`: the step of a flush that fails, `create` or `commit`. */
  constructor({ failures, error, failing }) {
    super()
    this.#failures = failures
    this.#error = error
    this.#failing = failing
  }

  async newWritableFile(path) {
    if (path.endsWith('.sst')) {
      this.#hasTable = true
      this.#reach('create')
    }
    return super.newWritableFile(path)
  }

  async fsyncDirectory(path) {
    if (this.#hasTable) this.#reach('commit')
    return super.fsyncDirectory(path)
  }

  #reach(step) {
    if (step !== this.#failing || this.#failures === 0) return
    this.#failures -= 1
    throw new EnvError(this.#error.code, 'the store does not answer', { retryable: this.#error.retryable })
  }
}

export const createOutageEnv = (options) => new OutageEnv(options)
