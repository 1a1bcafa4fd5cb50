import type { Line } from './line.js'
import { Machine } from './machine.js'

/**
 * Work of a machine. `brancher` and `cloner` write a branch and a clone; `operator` begins and removes lines of history
 * and lets clones stand alone.
 */
export type Role = 'writer' | 'brancher' | 'cloner' | 'reader' | 'operator' | 'collector'

/** A machine, and the keys that its log owes. */
export class Player extends Machine {
  readonly role: Role
  /** The line that it writes. */
  line: Line | undefined
  /** Keys that a process here wrote to the log of a state that nobody else has taken over, and whether they are synced. */
  readonly logged = new Map<string, 'written' | 'synced'>()
  /** Keys that a process here began to write to its log, unless they are known to be flushed. */
  readonly begun = new Set<string>()

  constructor(role: Role, ...rest: ConstructorParameters<typeof Machine>) {
    super(...rest)
    this.role = role
  }

  /** Writes another line from now on: the log goes on with a branch, and is set aside otherwise. */
  moveTo(line: Line): void {
    const { line: before } = this
    const isContinued = before === line.parent && before?.path === line.path && before.owner === this
    if (!isContinued) this.forgetLog()
    this.line = line
  }

  /** Reports whether its log continues that line, or did until it is known where. */
  continues(line: Line): boolean {
    return this.line === line || (this.line?.stage === 'expected' && this.line.parent === line)
  }

  forgetLog(): void {
    this.logged.clear()
    this.begun.clear()
  }
}
