import type { Clock } from '../env/clock.js'
import type { EnvEvent, SendEvents } from '../env/env.js'

/** Soon enough for people and graphs, and ten messages a second at the most. */
const batchMs = 100
/** Bounds the time for which one message holds up the thread that gets it. */
const maxEvents = 256

/** Tells what happens to whoever listens, in batches: each one is a message to another thread. */
export class EventBatches {
  readonly #clock: Clock
  #names: ReadonlySet<string> = new Set()
  #send: SendEvents = () => {}
  #batch: EnvEvent[] = []
  #cancelTimer: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** See {@link Env.listen}. */
  listen(names: readonly string[], send: SendEvents): void {
    this.flush()
    this.#names = new Set(names)
    this.#send = send
  }

  /** Costs nothing but this call while nobody listens. */
  emit(name: string, value: unknown): void {
    if (!this.#names.has(name)) return
    this.#batch.push({ name, value })
    if (this.#batch.length === maxEvents) this.flush()
    else this.#cancelTimer ??= this.#clock.after(batchMs, () => this.flush())
  }

  /** Sends what has happened so far. */
  flush(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    if (this.#batch.length === 0) return
    const batch = this.#batch
    this.#batch = []
    this.#send(batch)
  }
}
