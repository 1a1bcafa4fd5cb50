import type { Need } from '../catalog/needs.js'
import type { Clock } from '../env/clock.js'
import { settledWithin } from '../env/settled-within.js'
import type { ObjectKey } from '../store/object-store.js'
import type { Table, Tables } from './tables.js'

/** Access to the store, and the checks before a deletion that nobody else has a say in what is obsolete. */
export interface DeletionTarget {
  /**
   * Asked before each round. Resolves with the time, by the store's clock, at which we took the database over;
   * undefined if it is not ours: then everything queued so far is dropped.
   */
  ownedSince(): Promise<Date | undefined>
  /** Asked before each batch: who else needs these objects, which are obsolete in our state. */
  needsOfOthers(keys: readonly ObjectKey[], storeNow: Date): Promise<ReadonlyMap<ObjectKey, Need>>
  deleteMany(keys: readonly ObjectKey[]): Promise<void>
}

/** Objects that were obsolete when the database was taken over, some since long before. */
export interface DatedGarbage {
  readonly keys: readonly ObjectKey[]
  /** False if {@link obsoleteSince} has nothing to report. */
  readonly mayBeDue: boolean
  /**
   * Times, by the store's clock, at which objects were already obsolete.
   * @param dueBefore a later time is not worth a request.
   */
  obsoleteSince(dueBefore: Date): Promise<ReadonlyMap<ObjectKey, Date>>
}

/** Objects that no reader ever had a state of: their time is up at once. */
export function neverReadable(keys: readonly ObjectKey[]): DatedGarbage {
  return {
    keys,
    mayBeDue: keys.length > 0,
    obsoleteSince: async () => new Map(keys.map((key) => [key, new Date(0)])),
  }
}

/**
 * Deletes obsolete objects, after a delay in which readers of an older state may still use them. Nothing of this is
 * persistent: objects left at the end are obsolete at the next open too, and come back with their age. After a failure
 * the objects wait for another round.
 */
export class Deletions {
  readonly #tables: Tables
  readonly #target: DeletionTarget
  readonly #delayMs: number
  readonly #clock: Clock
  /** Elapsed time at which the database became ours. */
  #claimedAtMs = 0
  /** Garbage that is still to be dated. */
  #inherited: { readonly garbage: DatedGarbage; readonly dateAtMs: number } | undefined
  #timer: { readonly atMs: number; readonly cancel: () => void } | undefined
  #isStopped = false
  #running: Promise<void> | undefined

  constructor(tables: Tables, target: DeletionTarget, delayMs: number, clock: Clock) {
    this.#tables = tables
    this.#target = target
    this.#delayMs = delayMs
    this.#clock = clock
  }

  /** The object is obsolete from now on. */
  schedule(table: Table): void {
    if (table.dueAtMs !== undefined) return
    table.dueAtMs = this.#clock.elapsed() + this.#delayMs
    this.#arm(table.dueAtMs)
  }

  /** Call this right after the database was taken over. */
  inherit(garbage: DatedGarbage): void {
    this.#claimedAtMs = this.#clock.elapsed()
    for (const key of garbage.keys) this.schedule(this.#tables.inherit(key))
    if (!garbage.mayBeDue || this.#delayMs === 0) return
    this.#inherited = { garbage, dateAtMs: this.#claimedAtMs }
    this.#arm(this.#claimedAtMs)
  }

  /** Deletes what is due. Never rejects. */
  async deleteDue(): Promise<void> {
    this.#running ??= this.#performRound().finally(() => {
      this.#running = undefined
      this.#arm(this.#nextRoundMs())
    })
    return this.#running
  }

  /** Deletes what is due and leaves the rest to the next owner. Waits only a moment for an unreachable store. */
  async finish(): Promise<void> {
    if (this.#running || this.#inherited || this.#due().length > 0)
      await settledWithin(this.#clock, finishMs, this.deleteDue())
    this.#isStopped = true
    this.#forgetAll()
    this.#timer?.cancel()
  }

  async #performRound(): Promise<void> {
    if (!this.#inherited && this.#due().length === 0) return
    try {
      const ownedSince = await this.#target.ownedSince()
      if (ownedSince === undefined) return this.#forgetAll()
      await this.#dateInherited(ownedSince)
      const keys = this.#due().map(({ key }) => key)
      if (keys.length === 0 || this.#isStopped) return
      const storeNowMs = this.#storeNowMs(ownedSince)
      const needs = await this.#target.needsOfOthers(keys, new Date(storeNowMs))
      // Objects that were due before that answer may be wanted again, and others may be due since.
      const due = this.#due().filter(({ key }) => needs.has(key))
      const free = due.filter((table) => this.#isFree(table, needs.get(table.key)!, storeNowMs))
      if (free.length === 0 || this.#isStopped) return
      await this.#delete(free)
    } catch {
      if (this.#isStopped) return
      // The store can't be reached: due objects wait as long again, but not for days.
      const pauseMs = Math.min(Math.max(this.#delayMs, minRetryMs), maxRetryMs)
      const retryAtMs = this.#clock.elapsed() + pauseMs
      for (const table of this.#due()) table.dueAtMs = retryAtMs
      if (this.#inherited) this.#inherited = { ...this.#inherited, dateAtMs: retryAtMs }
    }
  }

  /**
   * Reports whether nobody has needed the object for the delay, ours or that of another line of history. An object that
   * another one may have dropped since waits on: until its last commit is old enough, or until none has needed it here for
   * so long.
   */
  #isFree(table: Table, need: Need, storeNowMs: number): boolean {
    if (need === 'never') return true
    const nowMs = this.#clock.elapsed()
    if (need === 'now') {
      table.unneededAtMs = undefined
      table.dueAtMs = nowMs + Math.max(this.#delayMs, minRetryMs)
      return false
    }
    table.unneededAtMs ??= nowMs
    const sinceMs = Math.min(need.lastAt.getTime() - storeNowMs, table.unneededAtMs - nowMs)
    const waitMs = sinceMs + Math.max(this.#delayMs, need.keptMs)
    if (waitMs <= 0) return true
    table.dueAtMs = nowMs + waitMs
    return false
  }

  async #delete(tables: readonly Table[]): Promise<void> {
    for (const table of tables) this.#tables.on(table, 'delete')
    const deletion = this.#target.deleteMany(tables.map(({ key }) => key)).then(
      () => {
        for (const table of tables) this.#tables.on(table, 'vanish')
      },
      (error: unknown) => {
        for (const table of tables) this.#tables.on(table, 'fail')
        throw error
      },
    )
    const ended = deletion.catch(() => undefined)
    for (const table of tables) table.deletion = ended
    await deletion
  }

  /** Moves up objects that were obsolete before we took the database over. */
  async #dateInherited(ownedSince: Date): Promise<void> {
    if (!this.#inherited) return
    const { garbage } = this.#inherited
    const dates = await garbage.obsoleteSince(new Date(this.#storeNowMs(ownedSince) - this.#delayMs))
    for (const [key, since] of dates) {
      const ageMs = Math.max(0, ownedSince.getTime() - since.getTime())
      const table = this.#tables.leaving.get(key)
      if (table?.dueAtMs !== undefined) table.dueAtMs = this.#claimedAtMs + this.#delayMs - ageMs
    }
    this.#inherited = undefined
  }

  /** Present time of the store: the machine's clock has no say. */
  #storeNowMs(ownedSince: Date): number {
    return ownedSince.getTime() + this.#clock.elapsed() - this.#claimedAtMs
  }

  #due(): Table[] {
    const nowMs = this.#clock.elapsed()
    return this.#waiting().filter(({ dueAtMs }) => dueAtMs !== undefined && dueAtMs <= nowMs)
  }

  #nextRoundMs(): number {
    let nextMs = this.#inherited?.dateAtMs ?? Number.POSITIVE_INFINITY
    for (const { dueAtMs = Number.POSITIVE_INFINITY } of this.#waiting()) nextMs = Math.min(nextMs, dueAtMs)
    return nextMs
  }

  #waiting(): Table[] {
    return [...this.#tables.leaving.values()].filter(({ state }) => state === 'obsolete')
  }

  #forgetAll(): void {
    for (const table of this.#waiting()) this.#tables.forget(table)
    this.#inherited = undefined
  }

  /** Makes sure that there is a round at that time, or earlier. */
  #arm(atMs: number): void {
    if (this.#isStopped || atMs === Number.POSITIVE_INFINITY) return
    if (this.#timer && this.#timer.atMs <= atMs) return
    this.#timer?.cancel()
    // Objects of one compaction become obsolete within moments: one batch takes them all.
    const waitMs = Math.max(0, atMs - this.#clock.elapsed()) + batchingMs
    const cancel = this.#clock.after(waitMs, () => {
      this.#timer = undefined
      void this.deleteDue()
    })
    this.#timer = { atMs, cancel }
  }
}

const batchingMs = 50
const minRetryMs = 10_000
const maxRetryMs = 3_600_000
/** One round takes three requests. The next open finds again what a slow store does not finish in this time. */
const finishMs = 5_000
