import { randomBytes, randomUUID } from 'node:crypto'
import { readBootId } from './boot-id.js'
import { type Clock, systemClock } from './clock.js'
import { type Files, systemFiles } from './files.js'

/** Machine that the Env runs on, as a dependency: a simulation that brings its own replays exactly. */
export interface System {
  readonly clock: Clock
  readonly files: Files
  readonly random: Random
  /** See {@link readBootId}. */
  readonly bootId: string
}

export interface Random {
  bytes(count: number): Uint8Array
  uuid(): string
  /** A number from 0 to below 1. */
  next(): number
}

export const realSystem: System = {
  clock: systemClock,
  files: systemFiles,
  random: { bytes: randomBytes, uuid: randomUUID, next: Math.random },
  bootId: readBootId(),
}
