import type { Clock } from '../env/clock.js'
import { EnvError } from '../env/env-error.js'

/**
 * Longest time between the first object that an opening or a fork writes and its CLOUDMANIFEST. Later, others may take
 * what it wrote for abandoned. Far above any recovery.
 */
export const maxOpeningMs = 12 * 60 * 60 * 1000

/** Measures the time that an opening or a fork takes, also while the machine is suspended. */
export class OpeningTime {
  readonly #clock: Clock
  readonly #startMs: number
  readonly #startElapsedMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#startMs = clock.now()
    this.#startElapsedMs = clock.elapsed()
  }

  /** @throws EnvError Busy: it took too long. */
  assertShort(url: string): void {
    // A clock that never jumps stands still while the machine is suspended.
    const elapsedMs = this.#clock.elapsed() - this.#startElapsedMs
    if (Math.max(elapsedMs, this.#clock.now() - this.#startMs) < maxOpeningMs) return
    throw new EnvError(
      'Busy',
      `opening ${url} took more than ${maxOpeningMs / 3_600_000} hours, after which others may have deleted what it wrote. ` +
        'Open it again',
    )
  }
}
