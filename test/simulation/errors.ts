import { pinLifetimeMs } from '#src/catalog/pin.js'
import { EnvError } from '#src/env/env-error.js'
import type { Line } from './line.js'

/** A finding of the simulation: the seed and the last events say how to get there. */
export class Violation extends Error {
  constructor(seed: number, reason: string, trace: readonly string[]) {
    super(`seed ${seed}: ${reason}\n${trace.slice(-40).join('\n')}`)
  }
}

/** Errors that a program meets when the store fails, or somebody else was quicker or removes the line of history. */
export function isRefusal(error: unknown, ...lines: readonly (Line | undefined)[]): boolean {
  if (!EnvError.is(error)) return false
  return error.retryable || error.code === 'Busy' || error.code === 'IOFenced' || lines.some(isLeaving)
}

function isLeaving(line: Line | undefined): boolean {
  return line !== undefined && (line.isDoomed || line.stage === 'gone')
}

/** Reports whether a state outlived its tables: somebody else has a newer one, or the pin of an opening has expired. */
export function isTooLate(error: unknown, { keptMs }: Line, elapsedMs: number): boolean {
  return EnvError.is(error, 'PathNotFound') && elapsedMs >= Math.min(keptMs, pinLifetimeMs)
}

export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.stack ?? error.message
}
