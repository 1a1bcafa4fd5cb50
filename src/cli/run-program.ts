import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { UsageError } from './usage-error.js'

/** Runs a program in our place: our standard streams, our signals; resolves with the exit code to end with. */
export async function runProgram(
  program: string,
  programArguments: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<number> {
  const child = spawn(program, programArguments, { stdio: 'inherit', env })
  // A terminal sends Ctrl-C to the program too. It would be told twice.
  const forwarded: NodeJS.Signals[] = process.stdin.isTTY
    ? ['SIGTERM', 'SIGHUP']
    : ['SIGTERM', 'SIGHUP', 'SIGINT']
  const onSignal = (signal: NodeJS.Signals) => {
    if (forwarded.includes(signal)) child.kill(signal)
  }
  const signals: NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGINT']
  for (const signal of signals) process.on(signal, onSignal)
  try {
    return await new Promise<number>((resolve, reject) => {
      child.on('error', (error: NodeJS.ErrnoException) => reject(notRun(program, error)))
      child.on('exit', (code, signal) => resolve(signal === null ? code! : 128 + constants.signals[signal]))
    })
  } finally {
    for (const signal of signals) process.off(signal, onSignal)
  }
}

function notRun(program: string, error: NodeJS.ErrnoException): Error {
  const reason = error.code === 'ENOENT' ? 'no such program' : error.message
  return new UsageError(`cannot run ${program}: ${reason}`, { cause: error })
}
