import type { Clock } from '../env/clock.js'
import type { ObjectKey } from '../store/object-store.js'

/** What it takes to delete: still owning the database, and the store. */
export interface DeletionTarget {
  /** False when the database belongs to somebody else now: then nothing is deleted any more. */
  isOwner(): Promise<boolean>
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
  #cancelTimer: (() => void) | undefined
  #running: Promise<void> | undefined

  constructor(target: DeletionTarget, delayMs: number, clock: Clock) {
    this.#target = target
    this.#delayMs = delayMs
    this.#clock = clock
  }

  schedule(key: ObjectKey): void {
    if (this.#dueAt.has(key)) return
    this.#dueAt.set(key, this.#clock.now() + this.#delayMs)
    this.#arm()
  }

  /** The object is wanted again. */
  cancel(key: ObjectKey): void {
    this.#dueAt.delete(key)
  }

  /** Deletes what is due. Never rejects. */
  async run(): Promise<void> {
    this.#running ??= this.#deleteDue().finally(() => {
      this.#running = undefined
      this.#arm()
    })
    return this.#running
  }

  /** Forgets the queue; waits for a batch that is under way. */
  async stop(): Promise<void> {
    this.#dueAt.clear()
    this.#cancelTimer?.()
    await this.#running
  }

  async #deleteDue(): Promise<void> {
    const now = this.#clock.now()
    const due = [...this.#dueAt].filter(([, at]) => at <= now).map(([key]) => key)
    if (due.length === 0) return
    try {
      if (!(await this.#target.isOwner())) return this.#dueAt.clear()
      await this.#target.deleteMany(due)
      for (const key of due) this.#dueAt.delete(key)
    } catch {
      // The store can't be reached: these wait as long again.
      for (const key of due) this.#dueAt.set(key, now + Math.max(this.#delayMs, minRetryMs))
    }
  }

  #arm(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    const next = Math.min(...this.#dueAt.values())
    if (next === Number.POSITIVE_INFINITY) return
    // Objects of one compaction become obsolete within moments: one batch takes them all.
    const waitMs = Math.max(0, next - this.#clock.now()) + batchingMs
    this.#cancelTimer = this.#clock.after(waitMs, () => void this.run())
  }
}

const batchingMs = 50
const minRetryMs = 10_000
