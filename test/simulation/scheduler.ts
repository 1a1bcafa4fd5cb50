// One order of events, decided by a seed: who goes on next, when time passes, what fails.
import type { Clock } from '#src/env/clock.js'

/** Pseudo-random numbers of a seed (mulberry32). */
export class Random {
  #state: number

  constructor(seed: number) {
    // Neighbouring seeds begin alike without this.
    this.#state = Math.imul(seed + 1, 0x9e3779b1)
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** In [0, count). */
  below(count: number): number {
    return Math.floor(this.next() * count)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256))
  }

  uuid(): string {
    const hex = Buffer.from(this.bytes(16)).toString('hex')
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  }
}

/** Whoever takes turns: a process until it is killed, or the network. */
export class Life {
  readonly name: string
  isOver = false

  constructor(name: string) {
    this.name = name
  }
}

interface Waiting {
  readonly life: Life
  readonly resume: () => void
}

interface Timer {
  readonly life: Life
  readonly atMs: number
  readonly callback: () => void
}

/** Longest time that passes in a turn, ordinarily and now and then: longer than any time-out or delay. */
const turnMs = 20
const pauseMs = 90_000
const maxHeldUpTurns = 200

export class Scheduler {
  readonly random: Random
  #waiting: Waiting[] = []
  /** Falls behind the others for some turns. */
  #heldUp: Life | undefined
  #heldUpTurns = 0
  #timers: Timer[] = []
  #nowMs = 1_700_000_000_000

  constructor(random: Random) {
    this.random = random
  }

  get nowMs(): number {
    return this.#nowMs
  }

  /** True while somebody can go on without time passing. */
  get isBusy(): boolean {
    return this.#waiting.length > 0
  }

  /** Resolves when it is this one's turn: never, if its life ends before. */
  turn(life: Life): Promise<void> {
    return new Promise((resume) => {
      if (!life.isOver) this.#waiting.push({ life, resume })
    })
  }

  clock(life: Life): Clock {
    return {
      now: () => this.#nowMs,
      elapsed: () => this.#nowMs,
      after: (ms, callback) => {
        const timer = { life, atMs: this.#nowMs + ms, callback }
        this.#timers.push(timer)
        return () => {
          this.#timers = this.#timers.filter((other) => other !== timer)
        }
      },
    }
  }

  /** Nothing of it goes on. */
  end(life: Life): void {
    life.isOver = true
    this.#waiting = this.#waiting.filter((other) => other.life !== life)
    this.#timers = this.#timers.filter((other) => other.life !== life)
  }

  /** Lets one go on, or time pass. @returns false if nobody waits for anything. */
  async step(): Promise<boolean> {
    const isAnybodyThere = this.#letOneGoOn()
    // Every promise that can settle by itself does so before the next step, and before anybody is killed.
    // A turn of the event loop would take as long as all of that.
    await new Promise<void>((resolve) => process.nextTick(resolve))
    return isAnybodyThere
  }

  /** Nobody goes on for so long, as if every machine had been suspended. */
  leap(ms: number): void {
    this.#nowMs += ms
    this.#passUntil(this.#nowMs)
  }

  #letOneGoOn(): boolean {
    const { random } = this
    if (this.#waiting.length === 0) {
      const next = Math.min(...this.#timers.map(({ atMs }) => atMs))
      if (next === Number.POSITIVE_INFINITY) return false
      this.#passUntil(Math.max(next, this.#nowMs))
      return true
    }
    if (random.chance(0.003)) this.#passUntil(this.#nowMs + random.below(pauseMs))
    else this.#passUntil(this.#nowMs + random.below(turnMs))
    const isHeldUp = ({ life }: Waiting) => life === this.#heldUp
    if (random.chance(0.01)) {
      this.#heldUp = random.pick(this.#waiting).life
      this.#heldUpTurns = random.below(maxHeldUpTurns)
    } else if (this.#heldUpTurns-- <= 0) this.#heldUp = undefined
    const others = this.#heldUp ? this.#waiting.filter((waiting) => !isHeldUp(waiting)) : this.#waiting
    const next = random.pick(others.length > 0 ? others : this.#waiting)
    this.#waiting.splice(this.#waiting.indexOf(next), 1)
    next.resume()
    return true
  }

  #passUntil(endMs: number): void {
    for (;;) {
      let due: Timer | undefined
      for (const timer of this.#timers)
        if (timer.atMs <= endMs && (!due || timer.atMs < due.atMs)) due = timer
      if (!due) break
      this.#timers = this.#timers.filter((other) => other !== due)
      this.#nowMs = Math.max(this.#nowMs, due.atMs)
      due.callback()
    }
    this.#nowMs = endMs
  }
}
