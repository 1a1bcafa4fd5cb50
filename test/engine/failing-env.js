/** Env in memory that opens and reads tables only as long as the test wants. */
import { EnvError } from '#src/env/env-error.js'
import { MemoryEnv } from '#src/env/memory-env.js'

class FailingEnv extends MemoryEnv {
  #control

  /** `control`: number of accesses to tables so far, and number of the one that fails. */
  constructor(control) {
    super()
    this.#control = new Int32Array(control)
  }

  async newRandomAccessFile(path) {
    if (!path.endsWith('.sst')) return super.newRandomAccessFile(path)
    this.#access('open', path)
    const file = await super.newRandomAccessFile(path)
    return {
      ...file,
      read: async (offset, length) => {
        this.#access('read', path)
        return file.read(offset, length)
      },
    }
  }

  #access(what, path) {
    const [, failing] = this.#control
    if (Atomics.add(this.#control, 0, 1) === failing)
      throw new EnvError('IOError', `${what} ${path}: no answer`)
  }
}

export const createFailingEnv = (control) => new FailingEnv(control)
