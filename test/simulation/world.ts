// Machines with lines of history in one store, and everything that can go wrong, in an order that a seed decides.
import { setImmediate } from 'node:timers/promises'
import { sleep } from '#src/env/clock.js'
import { describe, Violation } from './errors.js'
import { Lines } from './lines.js'
import { defaultDelayMs } from './machine.js'
import { collect, operate, tidy } from './operating.js'
import { Player, type Role } from './player.js'
import { read } from './reading.js'
import { Life, Random, Scheduler } from './scheduler.js'
import { States } from './states.js'
import { noFaults, SimulatedStore } from './store.js'
import { write } from './writing.js'

const maxLastTurns = 20_000
const turnsPerMachine = 300
/** Between two processes of one machine. */
const maxRestMs = 1_000
/** Below the time that an opening may take; two of them are above, and three take longer than a pin lasts. */
const minLeapMs = 5 * 3_600_000
const maxLeapMs = 11 * 3_600_000

const work: Readonly<Record<Role, (world: World, player: Player, life: Life) => Promise<void>>> = {
  writer: write,
  brancher: write,
  cloner: write,
  reader: read,
  operator: operate,
  collector: collect,
}

const noCounts = {
  ...{ openings: 0, flushes: 0, kills: 0, powerCuts: 0, takeOvers: 0, reads: 0, pastReads: 0, forks: 0 },
  ...{ pastForks: 0, savepoints: 0, removals: 0, destructions: 0, collected: 0, leaps: 0 },
}
export type Counts = Record<keyof typeof noCounts, number>

export class World {
  readonly random: Random
  readonly scheduler: Scheduler
  readonly states: States
  readonly lines: Lines
  readonly players: readonly Player[]
  readonly counts: Counts = { ...noCounts }
  readonly #seed: number
  readonly store: SimulatedStore
  readonly #trace: string[] = []
  readonly #turns: number
  /** Turns before which nobody goes on for hours. */
  readonly #leaps: ReadonlySet<number>
  readonly #killRate: number
  #keys = 0
  #violation: Error | undefined
  #isCalm = false

  constructor(seed: number) {
    this.#seed = seed
    const random = new Random(seed)
    this.random = random
    this.scheduler = new Scheduler(random)
    const note = (line: string) => this.note(line)
    this.store = new SimulatedStore(
      this.scheduler,
      (key, client) => this.lines.changed(key, client, this.store.objects.has(key)),
      note,
    )
    const most = random.pick([0, 0.02, 0.1])
    const p = () => (random.chance(0.5) ? random.next() * most : 0)
    this.store.faults = { refused: p(), lost: p(), answerLost: p(), late: p(), doubled: p() }
    this.#killRate = random.pick([0, 0.001, 0.004])
    const delayMs = delayOf(random)
    this.players = rolesOf(random).map((role, at) => {
      const deletionDelayMs = random.chance(0.7) ? delayMs : delayOf(random)
      return new Player(role, `${role}${at}`, { deletionDelayMs }, this.scheduler, this.store, note)
    })
    this.#turns = turnsPerMachine * this.players.length
    this.#leaps = leapsOf(this.#turns, random)
    this.states = new States(this.store.objects)
    this.lines = new Lines({
      states: this.states,
      players: this.players,
      nowMs: () => this.nowMs,
      takenOver: () => this.count('takeOvers'),
      fail: (reason) => this.fail(reason),
    })
  }

  get nowMs(): number {
    return this.scheduler.nowMs
  }

  /** True once nothing fails any more. */
  get isCalm(): boolean {
    return this.#isCalm
  }

  /** Every event, in order. */
  get trace(): readonly string[] {
    return this.#trace
  }

  newKey(): string {
    this.#keys += 1
    return `key${this.#keys}`
  }

  note(line: string): void {
    this.#trace.push(line)
  }

  count(name: keyof Counts, by = 1): void {
    this.counts[name] += by
  }

  expect(flaw: string | undefined, where: string): void {
    if (flaw !== undefined) this.fail(`${where} ${flaw}`)
  }

  fail(reason: string): void {
    this.#violation ??= new Violation(this.#seed, reason, this.#trace)
  }

  /** @throws Violation */
  async run(): Promise<void> {
    // No step takes a turn of the event loop, which others need now and then.
    await setImmediate()
    for (const player of this.players) this.#start(player)
    for (let turn = 0; turn < this.#turns; turn++) {
      this.#disturb(turn)
      await this.scheduler.step()
      if (this.#violation) throw this.#violation
    }
    await this.#settle()
  }

  /** With a store that answers, whoever opens a database finds everything in it, and nothing useless stays. */
  async #settle(): Promise<void> {
    this.store.faults = noFaults
    this.store.isAway = false
    this.#isCalm = true
    for (const player of this.players) this.#kill(player)
    // Requests under way arrive: one of a displaced owner could refuse an opening that comes only once.
    while (await this.scheduler.step());
    for (const player of this.players) await this.#toTheEnd(player, (life) => this.#session(player, life))
    // Longer than any pin, opening or delay lasts.
    this.scheduler.leap(3 * 24 * 3_600_000)
    const [first] = this.players
    await this.#toTheEnd(first!, (life) => tidy(this, first!, life))
  }

  /** @throws Violation: of others, too. */
  async #toTheEnd(player: Player, act: (life: Life) => Promise<void>): Promise<void> {
    let isDone = false
    void act(new Life(`${player.name} at last`))
      .catch((error: unknown) => this.fail(`${player.name} at last: ${describe(error)}`))
      .finally(() => {
        isDone = true
      })
    for (let turns = 0; !isDone; turns++) {
      if (turns > maxLastTurns) this.fail(`${player.name} never ends`)
      const isAnybodyThere = await this.scheduler.step()
      if (!isAnybodyThere && !isDone) this.fail('everybody waits for ever')
      if (this.#violation) throw this.#violation
    }
    if (this.#violation) throw this.#violation
  }

  #disturb(turn: number): void {
    const { random } = this
    if (this.#leaps.has(turn)) {
      this.count('leaps')
      this.note('hours pass')
      this.scheduler.leap(minLeapMs + random.below(maxLeapMs - minLeapMs))
    }
    const player = random.pick(this.players)
    if (random.chance(this.#killRate)) {
      this.count('kills')
      this.#kill(player)
      this.#start(player)
    } else if (random.chance(this.#killRate / 2)) {
      this.count('powerCuts')
      this.#kill(player)
      this.note(`${player.name} loses power`)
      player.losePower()
      for (const [key, state] of player.logged) if (state === 'written') player.logged.delete(key)
      this.#start(player)
    } else if (random.chance(this.store.faults.refused / 20)) this.store.isAway = !this.store.isAway
  }

  #kill(player: Player): void {
    if (!player.process) return
    this.note(`${player.name} is killed`)
    this.scheduler.end(player.process)
    player.process = undefined
  }

  #start(player: Player): void {
    void this.#use(player).catch((error: unknown) => this.fail(`${player.name}: ${describe(error)}`))
  }

  /** One process after the other, until one is killed. */
  async #use(player: Player): Promise<void> {
    for (let isAlive = true; isAlive; ) {
      const life = new Life(player.name)
      await this.#session(player, life)
      isAlive = player.process === life
    }
  }

  async #session(player: Player, life: Life): Promise<void> {
    player.process = life
    await sleep(this.scheduler.clock(life), this.#isCalm ? 0 : this.random.below(maxRestMs))
    await work[player.role](this, player, life)
    this.scheduler.end(life)
  }
}

/** Few at a time, so that each gets somewhere. */
function rolesOf(random: Random): readonly Role[] {
  if (random.chance(0.3)) return ['writer', 'writer', 'reader']
  const others: readonly Role[] = [
    'writer',
    'brancher',
    'cloner',
    'operator',
    'operator',
    'reader',
    'collector',
  ]
  return ['writer', ...others.filter(() => random.chance(0.5))]
}

/** A short one risks the needs of others; a long one keeps past states. */
function delayOf(random: Random): number {
  return random.pick([0, random.below(200), random.below(2_000), defaultDelayMs, 600_000, 3_600_000])
}

/** So far apart that nothing takes from one to the next but what takes hours. */
function leapsOf(turns: number, random: Random): ReadonlySet<number> {
  const count = random.chance(0.5) ? 0 : 1 + random.below(3)
  return new Set(
    Array.from({ length: count }, (_, at) => Math.floor((turns * (at + 1 + random.next() * 0.1)) / 4)),
  )
}
