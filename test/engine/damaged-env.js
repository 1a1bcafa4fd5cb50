/**
 * Env in memory with permanently damaged tables: those created while `control` said so, once it no longer does. Each read
 * of one waits until the test lets it continue.
 */
import { MemoryEnv } from '#src/env/memory-env.js'

/** Places in the control. */
export const damaging = 0
export const begun = 1
export const released = 2

class DamagedEnv extends MemoryEnv {
  #control
  #damaged = new Set()
  #waits = true

  /** @param {SharedArrayBuffer} control */
  constructor(control) {
    super()
    this.#control = new Int32Array(control)
  }

  async newWritableFile(path) {
    if (path.endsWith('.sst') && Atomics.load(this.#control, damaging) === 1) this.#damaged.add(path)
    return super.newWritableFile(path)
  }

  async newRandomAccessFile(path) {
    const file = await super.newRandomAccessFile(path)
    if (!this.#damaged.has(path)) return file
    return {
      ...file,
      read: async (offset, length) => {
        const bytes = Buffer.from(await file.read(offset, length))
        if (Atomics.load(this.#control, damaging) === 1 || offset > 0 || bytes.length === 0) return bytes
        await this.#untilReleased()
        bytes[10] ^= 1
        return bytes
      },
    }
  }

  async refetch() {
    this.#waits = true
    return { isOther: false, advice: 'it was fetched again and is damaged' }
  }

  /** The first read after each refetch waits. */
  async #untilReleased() {
    if (!this.#waits) return
    this.#waits = false
    const number = Atomics.add(this.#control, begun, 1) + 1
    while (Atomics.load(this.#control, released) < number) await new Promise((done) => setTimeout(done, 5))
  }
}

export const createDamagedEnv = (control) => new DamagedEnv(control)
