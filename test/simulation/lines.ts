import type { ObjectKey } from '#src/store/object-store.js'
import { describe } from './errors.js'
import { Line } from './line.js'
import { path } from './machine.js'
import type { Player } from './player.js'
import type { States } from './states.js'
import type { StoreClient } from './store.js'

/** Access of the lines of history to the world. */
export interface LinesHost {
  readonly states: States
  readonly players: readonly Player[]
  nowMs(): number
  /** A machine has taken a line over. */
  takenOver(): void
  fail(reason: string): void
}

/** All lines of history, and the check that nothing is lost of any. */
export class Lines {
  readonly #host: LinesHost
  readonly #byRoot = new Map<ObjectKey, Line>()
  /**
   * CLOUDMANIFESTs without a MANIFEST, and who wrote them: of creations that put theirs once more, or of removed
   * branches, delivered a second time.
   */
  readonly #incomplete = new Map<ObjectKey, Player>()
  #main: Line
  #names = 0

  constructor(host: LinesHost) {
    this.#host = host
    this.#main = this.add(path, '')
  }

  /** The line that is not a fork: another one, elsewhere, once it is destroyed. */
  get main(): Line {
    if (this.#main.stage === 'gone') this.#main = this.add(this.newName(path), '')
    return this.#main
  }

  get present(): Line[] {
    return [...this.#byRoot.values()].filter(({ stage }) => stage === 'present')
  }

  get incomplete(): Line[] {
    return [...this.#incomplete.keys()].map((root) => this.#byRoot.get(root)!)
  }

  get paths(): string[] {
    return [...new Set([...this.#byRoot.values()].map((line) => line.path))]
  }

  newName(prefix: string): string {
    this.#names += 1
    return `${prefix}${this.#names}`
  }

  add(path: string, cookie: string, parent?: Line): Line {
    const line = new Line(path, cookie, parent)
    this.#byRoot.set(line.rootKey, line)
    return line
  }

  /** An object came, was replaced, or went. */
  changed(key: ObjectKey, { life, machine }: StoreClient, isThere: boolean): void {
    if (key.includes('/CLOUDMANIFEST')) this.#rootChanged(key, machine as Player)
    else if (key.includes('/MANIFEST-'))
      for (const [root, player] of [...this.#incomplete]) this.#rootChanged(root, player)
    // A new table changes nothing until a MANIFEST names it.
    if (!key.includes('.sst-') || !isThere) this.check(`${life.name} changes ${key}`)
  }

  #rootChanged(key: ObjectKey, player: Player): void {
    const { states, nowMs, fail } = this.#host
    const line = this.#byRoot.get(key)
    if (!line) {
      fail(`${player.name} begins ${key}, which nobody asked for`)
      return
    }
    this.#incomplete.delete(key)
    if (!states.has(key)) {
      if (!line.isDoomed) fail(`${player.name} removes ${key}, which nobody asked for`)
      line.stage = 'gone'
      line.owner = undefined
      for (const other of this.#host.players) if (other.continues(line)) other.forgetLog()
      return
    }
    if (line.stage !== 'present' && !states.hasManifest(key)) {
      this.#incomplete.set(key, player)
      return
    }
    try {
      const keys = states.keysOf(key)
      if (line.stage !== 'present') line.begin(keys, nowMs())
      if (line.owner !== player) this.#takeOver(line, player, keys)
    } catch (error) {
      fail(`${player.name} changes ${key}: ${describe(error)}`)
    }
  }

  /** The logs of others continue a state that somebody else has taken over: nobody replays them. */
  #takeOver(line: Line, player: Player, keys: ReadonlySet<string>): void {
    this.#host.takenOver()
    line.owner = player
    line.keptMs = Math.min(line.keptMs, player.deletionDelayMs)
    for (const other of this.#host.players) {
      if (other === player || !other.continues(line)) continue
      for (const begun of other.begun) if (!keys.has(begun)) line.setAside.add(begun)
      other.forgetLog()
    }
  }

  /** Every state is whole, has everything that a flush acknowledged, and nothing of a log that was set aside. */
  check(when: string): void {
    const { states, fail } = this.#host
    for (const line of this.present) {
      try {
        const keys = states.keysOf(line.rootKey)
        const flaw = line.expectation().flawOf(keys)
        if (flaw !== undefined) fail(`${when}: ${line.rootKey} ${flaw}`)
      } catch (error) {
        fail(`${when}: ${describe(error)}`)
      }
    }
  }
}
