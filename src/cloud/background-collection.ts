import type { Clock } from '../env/clock.js'

/** Collects garbage every so often while a database is open for writing. Failures wait for the next time. */
export class BackgroundCollection {
  readonly #clock: Clock
  readonly #intervalMs: number
  readonly #collect: (signal: AbortSignal) => Promise<unknown>
  readonly #stopped = new AbortController()
  #cancel: (() => void) | undefined
  #running: Promise<unknown> = Promise.resolve()

  /** @param intervalMs 0: never. */
  constructor(clock: Clock, intervalMs: number, collect: (signal: AbortSignal) => Promise<unknown>) {
    this.#clock = clock
    this.#intervalMs = intervalMs
    this.#collect = collect
  }

  /** The database is ours from here on. */
  start(): void {
    if (this.#intervalMs === 0 || this.#stopped.signal.aborted) return
    this.#cancel = this.#clock.after(this.#intervalMs, () => {
      this.#running = this.#collect(this.#stopped.signal)
        .catch(() => undefined)
        .then(() => this.start())
    })
  }

  /** Ends a collection that is under way. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    this.#cancel?.()
    await this.#running
  }
}
