/** Env in memory that runs out of room, or fails otherwise, in the middle of its first table. */
import { EnvError } from '#src/env/env-error.js'
import { MemoryEnv } from '#src/env/memory-env.js'

class SmallEnv extends MemoryEnv {
  #code
  #tables = 0
  #failed = false

  constructor({ code }) {
    super()
    this.#code = code
  }

  async newWritableFile(path) {
    const file = await super.newWritableFile(path)
    if (!path.endsWith('.sst')) return file
    this.#tables++
    let pieces = 0
    return {
      ...file,
      append: async (bytes) => {
        if (++pieces > 1 && !this.#failed) {
          this.#failed = true
          throw new EnvError(this.#code, 'not now', { retryable: true })
        }
        await file.append(bytes)
      },
    }
  }

  metrics() {
    return { tables: this.#tables }
  }
}

export const createSmallEnv = (options) => new SmallEnv(options)
