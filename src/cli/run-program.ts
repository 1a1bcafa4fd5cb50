import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { UsageError } from './usage-error.js'

/** How a program ended: by itself, or by a signal. */
export type ProgramEnd =
  | { readonly code: number; readonly signal?: undefined }
  | { readonly code?: undefined; readonly signal: NodeJS.Signals }

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv
  /**
   * Whether SIGINT is passed on even though our standard input is a terminal: that sends Ctrl-C to the program too,
   * which then is told twice. Default: false.
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
 * Ends this process, once nothing is left to do, as the program ended that ran in its place. A shell stops its loop at
 * Ctrl-C only where what it runs dies of that, and does not merely end with a code that says so.
 */
export function endLike({ code, signal }: ProgramEnd): void {
  if (signal === undefined) {
    process.exitCode = code
    return
  }
  process.exitCode = 128 + constants.signals[signal]
  if (stops.includes(signal)) process.kill(process.pid, signal)
}

/** What people and systems end a program with. */
const stops: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGINT']

function notRun(program: string, error: NodeJS.ErrnoException): Error {
  const reason = error.code === 'ENOENT' ? 'no such program' : error.message
  return new UsageError(`cannot run ${program}: ${reason}`, { cause: error })
}
