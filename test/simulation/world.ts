// Several machines that open one database in one store, and everything that can go wrong, in an order that a seed decides.

import { type Manifest, readManifest } from '#src/catalog/manifest.js'
import { recordedSources } from '#src/catalog/sources.js'
import { collectGarbage } from '#src/cloud/collection.js'
import { fork } from '#src/cloud/fork.js'
import { sleep } from '#src/env/clock.js'
import { EnvError } from '#src/env/env-error.js'
import { decodeCloudManifest, manifestObjectName } from '#src/format/cloud-manifest.js'
import { epochOf } from '#src/format/epoch.js'
import { objectName } from '#src/format/file-name.js'
import type { StoredObject } from '#src/store/object-store.js'
import { clonePath, defaultDelayMs, Machine, path, placeOpener } from './machine.js'
import { Life, Random, Scheduler } from './scheduler.js'
import type { SimulatedRocksDB } from './simulated-rocksdb.js'
import { noFaults, SimulatedStore, type StoreClient } from './store.js'

const maxLastTurns = 20_000
/** Between two processes of one machine. */
const maxRestMs = 2_000

/** A finding of the simulation: the seed and the last events say how to get there. */
export class Violation extends Error {
  constructor(seed: number, reason: string, trace: readonly string[]) {
    super(`seed ${seed}: ${reason}\n${trace.slice(-40).join('\n')}`)
  }
}

/** Work of a machine. */
type Role = 'writer' | 'reader' | 'cloner' | 'forker' | 'collector'

/** A line of history that machines write, and what is expected of it. */
class Line {
  readonly path: string
  /** Keys that a flush acknowledged. */
  readonly flushed = new Set<string>()
  /** Times at which a flush acknowledged them first. */
  readonly flushedAtMs = new Map<string, number>()
  /** Times at which they were put. */
  readonly putAtMs = new Map<string, number>()
  /** Keys in logs of states that somebody else took over: they are never replayed. */
  readonly setAside = new Set<string>()
  /** Machine whose opening the CLOUDMANIFEST names. */
  owner: Writer | undefined

  constructor(path: string) {
    this.path = path
  }
}

/** A machine, and the keys that its log owes. */
class Writer extends Machine {
  readonly role: Role
  readonly line: Line
  /** Keys that a process here wrote to the log of a state that nobody else has taken over, and whether they are synced. */
  readonly logged = new Map<string, 'written' | 'synced'>()
  /** Keys that a process here began to write to its log, unless they are known to be flushed. */
  readonly begun = new Set<string>()

  constructor(role: Role, at: number, line: Line, deletionDelayMs: number, ...rest: MachineParts) {
    super(`${role}${at}`, { path: line.path, deletionDelayMs }, ...rest)
    this.role = role
    this.line = line
  }
}

type MachineParts = [scheduler: Scheduler, store: SimulatedStore, trace: (line: string) => void]

export interface WorldOptions {
  /** Number of machines of each role. Default: two writers and a reader, or a clone and others. */
  readonly machines?: Readonly<Partial<Record<Role, number>>>
  /** Turns before the faults end. */
  readonly turns?: number
}

export class World {
  readonly #seed: number
  readonly #random: Random
  readonly #scheduler: Scheduler
  readonly #store: SimulatedStore
  readonly #machines: Writer[] = []
  readonly #turns: number
  readonly #delayMs: number
  readonly #trace: string[] = []
  readonly #lines = [new Line(path), new Line(clonePath)]
  /** Keys of each branch, by the key of its CLOUDMANIFEST. */
  readonly #branches = new Map<string, ReadonlySet<string>>()
  #keys = 0
  #violation: Error | undefined
  #isCalm = false
  readonly #counts = {
    openings: 0,
    flushes: 0,
    kills: 0,
    powerCuts: 0,
    takeOvers: 0,
    reads: 0,
    pastReads: 0,
    forks: 0,
    collected: 0,
  }

  constructor(seed: number, options: WorldOptions = {}) {
    this.#seed = seed
    this.#random = new Random(seed)
    const { machines = machinesOf(this.#random) } = options
    const { turns = 300 * Object.values(machines).reduce((a, b) => a + b) } = options
    // What others need is at risk the sooner it is deleted.
    const delayMs = this.#random.chance(0.5) ? defaultDelayMs : this.#random.below(2_000)
    this.#delayMs = delayMs
    this.#scheduler = new Scheduler(this.#random)
    this.#turns = turns
    const trace = (line: string) => {
      this.#trace.push(line)
    }
    this.#store = new SimulatedStore(this.#scheduler, (key, client) => this.#changed(key, client), trace)
    const p = () => (this.#random.chance(0.5) ? this.#random.next() * 0.1 : 0)
    this.#store.faults = { refused: p(), lost: p(), answerLost: p(), doubled: p() }
    for (const [role, count] of Object.entries(machines) as [Role, number][])
      for (let at = 0; at < count; at++) {
        const line = this.#lines[role === 'cloner' ? 1 : 0]!
        this.#machines.push(new Writer(role, at, line, delayMs, this.#scheduler, this.#store, trace))
      }
  }

  /** Every event, in order. */
  get trace(): readonly string[] {
    return this.#trace
  }

  get counts() {
    return this.#counts
  }

  /** @throws Violation */
  async run(): Promise<void> {
    for (const machine of this.#machines)
      void this.#use(machine).catch((error: unknown) => this.#fail(`${machine.name}: ${describe(error)}`))
    for (let turn = 0; turn < this.#turns; turn++) {
      this.#disturb()
      await this.#scheduler.step()
      if (this.#violation) throw this.#violation
    }
    await this.#settle()
  }

  /** With a store that answers, whoever opens the database finds everything in it. */
  async #settle(): Promise<void> {
    this.#store.faults = noFaults
    this.#store.isAway = false
    this.#isCalm = true
    for (const machine of this.#machines) this.#kill(machine)
    for (const machine of this.#machines) {
      let isDone = false
      void this.#session(machine, new Life(`${machine.name} at last`))
        .catch((error: unknown) => this.#fail(`${machine.name} at last: ${describe(error)}`))
        .finally(() => {
          isDone = true
        })
      for (let turns = 0; !isDone; turns++) {
        if (turns > maxLastTurns) this.#fail(`${machine.name} never ends`)
        const isAnybodyThere = await this.#scheduler.step()
        if (!isAnybodyThere && !isDone) this.#fail('everybody waits for ever')
        if (this.#violation) throw this.#violation
      }
    }
  }

  #disturb(): void {
    const random = this.#random
    const machine = random.pick(this.#machines)
    if (random.chance(0.004)) {
      this.#counts.kills += 1
      this.#kill(machine)
      this.#restart(machine)
    } else if (random.chance(0.002)) {
      this.#counts.powerCuts += 1
      this.#kill(machine)
      this.#trace.push(`${machine.name} loses power`)
      machine.losePower()
      for (const [key, state] of machine.logged) if (state === 'written') machine.logged.delete(key)
      this.#restart(machine)
    } else if (random.chance(0.003)) this.#store.isAway = !this.#store.isAway
  }

  #kill(machine: Writer): void {
    if (!machine.process) return
    this.#trace.push(`${machine.name} is killed`)
    this.#scheduler.end(machine.process)
    machine.process = undefined
  }

  #restart(machine: Writer): void {
    void this.#use(machine).catch((error: unknown) => this.#fail(`${machine.name}: ${describe(error)}`))
  }

  /** One process after the other, until one is killed. */
  async #use(machine: Writer): Promise<void> {
    for (let isAlive = true; isAlive; ) {
      const life = new Life(machine.name)
      await this.#session(machine, life)
      isAlive = machine.process === life
    }
  }

  async #session(machine: Writer, life: Life): Promise<void> {
    machine.process = life
    await sleep(this.#scheduler.clock(life), this.#isCalm ? 0 : this.#random.below(maxRestMs))
    if (machine.role === 'forker') await this.#fork(machine, life)
    else if (machine.role === 'collector') await this.#collect(machine, life)
    else {
      const { db, cache } = await machine.start(life, () => this.#isCalm || this.#random.chance(0.9))
      if (machine.role === 'reader') await this.#read(machine, db)
      else await this.#write(machine, db)
      await cache.close()
    }
    this.#scheduler.end(life)
  }

  /** Begins a branch, or ends one. */
  async #fork(machine: Writer, life: Life): Promise<void> {
    const store = machine.storeFor(life)
    const place = { store, path: this.#random.pick([path, clonePath]) }
    try {
      if (this.#branches.size > 2) {
        const root = this.#random.pick([...this.#branches.keys()])
        this.#branches.delete(root)
        return await store.deleteMany([root])
      }
      const cookie = `b${++this.#keys}`
      const system = { clock: this.#scheduler.clock(life), random: this.#random }
      const deps = { ...system, openPlace: placeOpener(store) }
      await fork({ places: [place], cookie: '', target: place, newCookie: cookie }, deps)
      this.#counts.forks += 1
      const root = `${place.path}/${objectName({ kind: 'cloudManifest', cookie })}`
      this.#branches.set(root, this.#keysOf(root)!)
    } catch (error) {
      if (!isRefusal(error) && !EnvError.is(error, 'NotFound')) throw error
    }
  }

  async #collect(machine: Writer, life: Life): Promise<void> {
    const store = machine.storeFor(life)
    const place = { store, path: this.#random.pick([path, clonePath]) }
    const options = { random: this.#random, openPlace: placeOpener(store), warn: () => {} }
    try {
      const { deleted } = await collectGarbage(place, options)
      this.#counts.collected += deleted.length
    } catch (error) {
      if (!isRefusal(error)) throw error
    }
  }

  async #read(machine: Writer, db: SimulatedRocksDB): Promise<void> {
    if (this.#random.chance(0.4)) return this.#readPast(machine, db)
    const expected = [...machine.line.flushed]
    const startMs = this.#scheduler.nowMs
    try {
      const keys = await db.read()
      this.#counts.reads += 1
      this.#expect(lacks(keys, expected), 'a reader')
    } catch (error) {
      if (isRefusal(error) || this.#isTooLate(error, startMs)) return
      // There is no database yet.
      if (EnvError.is(error, 'NotFound') && expected.length === 0) return
      throw error
    }
  }

  /** As the database was at a time within the delay: whatever was flushed by then is there, and nothing put later. */
  async #readPast({ line }: Writer, db: SimulatedRocksDB): Promise<void> {
    const startMs = this.#scheduler.nowMs
    // The rest of the delay is for reading.
    const atMs = startMs - this.#random.below(Math.max(1, this.#delayMs / 2))
    const expected = [...line.flushedAtMs].filter(([, ms]) => ms <= atMs).map(([key]) => key)
    try {
      const keys = await db.readAt(new Date(atMs))
      this.#counts.pastReads += 1
      this.#expect(lacks(keys, expected), 'a reader of a past state')
      const wrong = [...keys].filter((key) => line.setAside.has(key) || (line.putAtMs.get(key) ?? 0) > atMs)
      if (wrong.length > 0)
        this.#fail(`the state at ${atMs} has ${wrong.join(' ')}, put later or of a log that was set aside`)
    } catch (error) {
      if (isRefusal(error) || this.#scheduler.nowMs - startMs >= this.#delayMs / 2) return
      if (EnvError.is(error, 'NotFound') && expected.length === 0) return
      throw error
    }
  }

  /** Reports whether a state outlived its tables: somebody else has a newer one. */
  #isTooLate(error: unknown, startMs: number): boolean {
    return EnvError.is(error, 'PathNotFound') && this.#scheduler.nowMs - startMs >= this.#delayMs
  }

  async #write(machine: Writer, db: SimulatedRocksDB): Promise<void> {
    const startMs = this.#scheduler.nowMs
    try {
      await db.open()
    } catch (error) {
      if (isRefusal(error) || this.#isTooLate(error, startMs)) return
      throw error
    }
    this.#counts.openings += 1
    this.#expect(
      lacks(db.keys, [...machine.line.flushed, ...machine.logged.keys()]),
      `${machine.name}, opened,`,
    )
    // What the log had is in tables now, and committed.
    for (const key of db.keys) this.#isFlushed(machine, key)
    try {
      // Faults are over in the end: a little work shows that it goes on.
      const most = this.#isCalm ? 2 : 20
      for (let left = this.#random.below(most); left > 0; left--) await this.#operate(machine, db)
    } catch (error) {
      const isDisplaced = machine.line.owner !== machine
      if (!isRefusal(error) && !(isDisplaced && this.#isTooLate(error, startMs))) throw error
    }
    await db.close().catch((error: unknown) => {
      if (!isRefusal(error)) throw error
    })
  }

  async #operate(machine: Writer, db: SimulatedRocksDB): Promise<void> {
    const random = this.#random
    if (random.chance(0.6)) {
      const key = `key${++this.#keys}`
      const sync = random.chance(0.3)
      const { line } = machine
      const { begun } = line.owner === machine ? machine : { begun: line.setAside }
      begun.add(key)
      line.putAtMs.set(key, this.#scheduler.nowMs)
      await db.put(key, { sync })
      if (line.owner !== machine) return
      machine.logged.set(key, 'written')
      if (sync) for (const other of machine.logged.keys()) machine.logged.set(other, 'synced')
    } else if (db.tables < 3 || random.chance(0.5)) {
      const keys = await db.flush()
      this.#counts.flushes += 1
      for (const key of keys) this.#isFlushed(machine, key)
      this.#trace.push(`${machine.name} has flushed ${[...keys].join(' ')}`)
      this.#check(`${machine.name} has flushed`)
    } else if (random.chance(0.7)) await db.compact()
    else await db.beginManifest()
  }

  #isFlushed(machine: Writer, key: string): void {
    machine.logged.delete(key)
    machine.begun.delete(key)
    const { flushed, flushedAtMs } = machine.line
    flushed.add(key)
    if (!flushedAtMs.has(key)) flushedAtMs.set(key, this.#scheduler.nowMs)
  }

  #changed(key: string, client: StoreClient): void {
    const machine = client.machine as Writer
    const line = this.#lines.find((every) => key === `${every.path}/CLOUDMANIFEST`)
    if (line && line.owner !== machine) {
      this.#counts.takeOvers += 1
      line.owner = machine
      // Their logs continue a state that somebody else has taken over: nobody replays them.
      const keys = this.#keysOf(key) ?? new Set()
      for (const other of this.#machines.filter((every) => every.line === line && every !== machine)) {
        for (const begun of other.begun) if (!keys.has(begun)) line.setAside.add(begun)
        other.logged.clear()
        other.begun.clear()
      }
    }
    // A new table changes nothing until a MANIFEST names it.
    if (!key.includes('.sst-') || !this.#store.objects.has(key))
      this.#check(`${client.life.name} changes ${key}`)
  }

  /**
   * Every state in the store is whole. Those that machines write have everything that a flush acknowledged, and nothing
   * of a foreign log; a branch has what it had at the beginning.
   */
  #check(when: string): void {
    try {
      const roots = [...this.#store.objects.keys()].filter((key) => key.includes('/CLOUDMANIFEST'))
      const states = new Map(roots.map((root) => [root, this.#keysOf(root)!]))
      for (const { path, flushed, setAside } of this.#lines) {
        const keys = states.get(`${path}/CLOUDMANIFEST`) ?? new Set()
        this.#expect(lacks(keys, flushed), `${when}: ${path}`)
        const replayed = [...setAside].filter((key) => keys.has(key))
        if (replayed.length > 0)
          this.#fail(`${when}: ${replayed.join(' ')} came back from a log of another state`)
      }
      for (const [root, had] of this.#branches)
        this.#expect(lacks(states.get(root) ?? new Set(), had), `${when}: ${root}`)
    } catch (error) {
      this.#fail(`${when}: ${describe(error)}`)
    }
  }

  /** Keys of a state in the store; undefined if there is none. @throws Error for a state that is not whole. */
  #keysOf(rootKey: string): ReadonlySet<string> | undefined {
    const root = this.#store.objects.get(rootKey)
    if (!root) return undefined
    const [own = ''] = rootKey.split('/')
    const paths = [own, ...recordedSources(root).map(({ url }) => url.slice(url.lastIndexOf('/') + 1))]
    const cloudManifest = decodeCloudManifest(root.body, rootKey)
    const manifestName = manifestObjectName(cloudManifest)
    const stored = this.#store.objects.get(`${own}/${manifestName}`)
    if (!stored) throw new Error(`${rootKey}: ${manifestName} is missing`)
    const keys = new Set<string>()
    for (const { number, size } of manifestOf(stored).liveTables.values()) {
      const name = objectName({ kind: 'table', number, epoch: epochOf(cloudManifest, number) })
      const table = paths.map((path) => this.#store.objects.get(`${path}/${name}`)).find(Boolean)
      if (table?.size !== size)
        throw new Error(
          `${rootKey}: ${manifestName} names ${name} of ${size} bytes, which has ${table?.size}`,
        )
      for (const key of keysOf(table)) keys.add(key)
    }
    return keys
  }

  #expect(flaw: string | undefined, where: string): void {
    if (flaw !== undefined) this.#fail(`${where} ${flaw}`)
  }

  #fail(reason: string): void {
    this.#violation ??= new Violation(this.#seed, reason, this.#trace)
  }
}

/** Few at a time, so that each gets somewhere. */
function machinesOf(random: Random): Readonly<Partial<Record<Role, number>>> {
  if (random.chance(0.5)) return { writer: 2, reader: 1 }
  const some = () => random.below(2)
  return { writer: 1, cloner: 1, reader: some(), forker: some(), collector: some() }
}

function lacks(found: ReadonlySet<string>, expected: Iterable<string>): string | undefined {
  const lost = [...expected].filter((key) => !found.has(key))
  return lost.length > 0 ? `lacks ${lost.join(' ')}` : undefined
}

const manifests = new WeakMap<StoredObject, Manifest>()

function manifestOf(stored: StoredObject): Manifest {
  const known = manifests.get(stored) ?? readManifest(stored.body)
  manifests.set(stored, known)
  return known
}

const tableKeys = new WeakMap<StoredObject, readonly string[]>()

function keysOf(table: StoredObject): readonly string[] {
  let keys = tableKeys.get(table)
  if (!keys) {
    keys = JSON.parse(Buffer.from(table.body).toString()) as string[]
    tableKeys.set(table, keys)
  }
  return keys
}

/** Errors that a program meets when the store fails or somebody else was quicker. */
function isRefusal(error: unknown): boolean {
  return EnvError.is(error) && (error.retryable || error.code === 'Busy' || error.code === 'IOFenced')
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.stack ?? error.message
}
