import type { Clock } from '../env/clock.js'
import type { ObjectKey } from '../store/object-store.js'

/** What it takes to delete: that nobody else has a say in what is obsolete, and the store. */
export interface DeletionTarget {
  /** Asked before each round. False: what is queued now is not deleted at all. */
  mayDelete(): Promise<boolean>
  deleteMany(keys: readonly ObjectKey[]): Promise<void>
}

/**
 * Obsolete objects, deleted after a delay in which readers of an older state may still use them. The
 * queue is not kept: what is left in it at the end is obsolete at the next open too, and comes back
 * then. A failure leaves the objects queued for another round.
 */
export class Deletions {
  readonly #target: DeletionTarget
  readonly #delayMs: number
  readonly #clock: Clock
  readonly #dueAt = new Map<ObjectKey, number>()
  #timer: { readonly atMs: number; readonly cancel: () => void } | undefined
  #isStopped = false
  #running: Promise<void> | undefined

  constructor(target: DeletionTarget, delayMs: number, clock: Clock) {
    this.#target = target
    this.#delayMs = delayMs
    this.#clock = clock
  }

  schedule(key: ObjectKey): void {
    if (this.#dueAt.has(key)) return
    const atMs = this.#clock.now() + this.#delayMs
    this.#dueAt.set(key, atMs)
    this.#arm(atMs)
  }

  /** The object is wanted again. */
  cancel(key: ObjectKey): void {
    this.#dueAt.delete(key)
  }

  /** Deletes what is due. Never rejects. */
  async run(): Promise<void> {
    this.#running ??= this.#deleteDue().finally(() => {
      this.#running = undefined
      let next = Number.POSITIVE_INFINITY
      for (const atMs of this.#dueAt.values()) next = Math.min(next, atMs)
      this.#arm(next)
    })
    return this.#running
  }

  /** Forgets the queue, for good; waits for a batch that is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#dueAt.clear()
    this.#timer?.cancel()
    await this.#running
  }

  async #deleteDue(): Promise<void> {
    const now = this.#clock.now()
    const due = [...this.#dueAt].filter(([, at]) => at <= now).map(([key]) => key)
    if (due.length === 0) return
    try {
      if (!(await this.#target.mayDelete())) return this.#dueAt.clear()
      await this.#target.deleteMany(due)
      for (const key of due) this.#dueAt.delete(key)
    } catch {
      if (this.#isStopped) return
      // The store can't be reached: these wait as long again.
      for (const key of due) this.#dueAt.set(key, now + Math.max(this.#delayMs, minRetryMs))
    }
  }

  /** Sees to it that there is a round at that time, or before. */
  #arm(atMs: number): void {
    if (this.#isStopped || atMs === Number.POSITIVE_INFINITY) return
    if (this.#timer && this.#timer.atMs <= atMs) return
    this.#timer?.cancel()
    // Objects of one compaction become obsolete within moments: one batch takes them all.
    const waitMs = Math.max(0, atMs - this.#clock.now()) + batchingMs
    const cancel = this.#clock.after(waitMs, () => {
      this.#timer = undefined
      void this.run()
    })
    this.#timer = { atMs, cancel }
  }
}

const batchingMs = 50
const minRetryMs = 10_000
