import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { UsageError } from './usage-error.js'

/** End of a program: by itself, or by a signal. */
export type ProgramEnd =
  | { readonly code: number; readonly signal?: undefined }
  | { readonly code?: undefined; readonly signal: NodeJS.Signals }

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv
  /**
   * True if SIGINT is passed on even though our standard input is a terminal: the terminal sends Ctrl-C to the program
   * too, which then receives it twice. Default: false.
   */
  readonly mayInterruptTwice?: boolean
}

/** Runs a program in our place: our standard streams, our signals. */
export async function runProgram(
  program: string,
  programArguments: readonly string[],
  { env = process.env, mayInterruptTwice = false }: RunOptions = {},
): Promise<ProgramEnd> {
  const child = spawn(program, programArguments, { stdio: 'inherit', env })
  const isToldByTerminal = process.stdin.isTTY && !mayInterruptTwice
  const onSignal = (signal: NodeJS.Signals) => {
    if (signal !== 'SIGINT' || !isToldByTerminal) child.kill(signal)
  }
  for (const signal of stops) process.on(signal, onSignal)
  try {
    return await new Promise<ProgramEnd>((resolve, reject) => {
      child.on('error', (error: NodeJS.ErrnoException) => reject(notRun(program, error)))
      child.on('exit', (code, signal) => resolve(signal === null ? { code: code! } : { signal }))
    })
  } finally {
    for (const signal of stops) process.off(signal, onSignal)
  }
}

/**
 * Ends this process, once nothing is left to do, in the same way as the program that ran in its place. A shell stops
 * its loop at Ctrl-C only if the command dies of it, and not if it merely ends with a code that says so.
 */
export function endLike({ code, signal }: ProgramEnd): void {
  if (signal === undefined) {
    process.exitCode = code
    return
  }
  process.exitCode = 128 + constants.signals[signal]
  if (stops.includes(signal)) process.kill(process.pid, signal)
}

/** Signals with which people and systems end a program. */
const stops: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGINT']

function notRun(program: string, error: NodeJS.ErrnoException): Error {
  const reason = error.code === 'ENOENT' ? 'no such program' : error.message
  return new UsageError(`cannot run ${program}: ${reason}`, { cause: error })
}
