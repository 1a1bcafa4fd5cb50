/** An Env in memory whose tables cannot be stored for a while. */
import { EnvError } from '#src/env/env-error.js'
import { MemoryEnv } from '#src/env/memory-env.js'

class OutageEnv extends MemoryEnv {
  #failures
  #error
  #hasTable = false

  constructor({ failures, error }) {
    super()
    this.#failures = failures
    this.#error = error
  }

  async newWritableFile(path) {
    this.#hasTable ||= path.endsWith('.sst')
    return super.newWritableFile(path)
  }

  async fsyncDirectory(path) {
    if (this.#hasTable && this.#failures > 0) {
      this.#failures -= 1
      throw new EnvError(this.#error.code, 'the store does not answer', { retryable: this.#error.retryable })
    }
    return super.fsyncDirectory(path)
  }
}

export const createOutageEnv = (options) => new OutageEnv(options)
