import type { Clock } from '../env/clock.js'
import { settledWithin } from '../env/settled-within.js'

/**
 * Copies that left the cache and are still on the disk, until their last reader lets go and their files are removed.
 */
export class Releases {
  readonly #pending = new Set<Promise<void>>()
  readonly #onReleased: (bytes: number) => void
  #bytes = 0
  #count = 0

  constructor(onReleased: (bytes: number) => void) {
    this.#onReleased = onReleased
  }

  /** Bytes that the disk does not have back yet. */
  get pendingBytes(): number {
    return this.#bytes
  }

  /** Releases until now. */
  get count(): number {
    return this.#count
  }

  /** @returns what to call once the disk has the space back. */
  add(bytes: number): () => void {
    this.#bytes += bytes
    let resolve = () => {}
    const released = new Promise<void>((done) => {
      resolve = done
    })
    this.#pending.add(released)
    return () => {
      this.#bytes -= bytes
      this.#count += 1
      this.#pending.delete(released)
      this.#onReleased(bytes)
      resolve()
    }
  }

  /** Waits for those that are pending. @returns false if readers do not let go. */
  async settled(clock: Clock): Promise<boolean> {
    const pending = [...this.#pending]
    await settledWithin(clock, maxWaitMs, Promise.all(pending))
    return !pending.some((release) => this.#pending.has(release))
  }
}

/** Readers let go within milliseconds, unless their process is stopped. */
const maxWaitMs = 2000
