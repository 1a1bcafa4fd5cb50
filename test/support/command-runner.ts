import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import pLimit from 'p-limit'
import type { CliResult } from './cli.ts'

const program = fileURLToPath(new URL('command-process.js', import.meta.url))

export interface CommandRequest {
  readonly commandLine: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  /** Written after the command's output, to either stream. */
  readonly endMark: string
}

/** Standard error has no progress in it. */
export interface CommandResult extends CliResult {
  /** Peak memory of the process. */
  readonly maxMemoryKiB: number
  /** CPU time of the command. */
  readonly cpuSeconds: number
}

/**
 * Runs commands of `cloudenv` in one process, one after another, because loading it takes most of their time. Tests of the
 * process itself, its signals, its end and its children use `Cli`.
 */
export class CommandRunner {
  readonly #nodeOptions: readonly string[]
  readonly #inTurn = pLimit(1)
  #process: ChildProcess | undefined
  #waiting = 0

  constructor(nodeOptions: readonly string[] = []) {
    this.#nodeOptions = nodeOptions
  }

  /** Number of commands that have not ended yet. */
  get waiting(): number {
    return this.#waiting
  }

  /** Rejects when the command ends the process. */
  async run(
    commandLine: readonly string[],
    env: NodeJS.ProcessEnv = {},
    cwd = process.cwd(),
  ): Promise<CommandResult> {
    this.#waiting += 1
    try {
      return await this.#inTurn(() => this.#run(commandLine, { ...process.env, ...env }, cwd))
    } finally {
      this.#waiting -= 1
    }
  }

  /** Ends the process once its commands have ended. */
  async stop(): Promise<void> {
    await this.#inTurn(() => this.#process?.disconnect())
  }

  async #run(commandLine: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Promise<CommandResult> {
    this.#process ??= this.#start()
    const child = this.#process
    const endMark = `\0${randomUUID()}\0`
    const request: CommandRequest = { commandLine, env, cwd, endMark }
    const ended = new AbortController()
    const died = once(child, 'exit', { signal: ended.signal }).then(([code, signal]) => {
      this.#process = undefined
      throw new Error(`cloudenv ${commandLine.join(' ')}: the process ended with ${signal ?? code}`)
    })
    child.send(request)
    try {
      const [stdout, stderr, [usage]] = await Promise.race([
        died,
        Promise.all([
          readUntil(child.stdout!, endMark),
          readUntil(child.stderr!, endMark),
          once(child, 'message') as Promise<[Omit<CommandResult, 'stdout' | 'stderr'>]>,
        ]),
      ])
      return { stdout, stderr: stderr.replaceAll(progressLines, ''), ...usage }
    } finally {
      ended.abort()
      await died.catch(() => undefined)
    }
  }

  #start(): ChildProcess {
    const child = fork(program, {
      execArgv: [...this.#nodeOptions],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    child.stdout!.setEncoding('utf8')
    child.stderr!.setEncoding('utf8')
    return child
  }
}

async function readUntil(stream: NodeJS.ReadableStream, endMark: string): Promise<string> {
  const pieces: string[] = []
  let end = ''
  return await new Promise((resolve) => {
    const onData = (piece: string) => {
      pieces.push(piece)
      end = (end + piece).slice(-endMark.length)
      if (end !== endMark) return
      stream.off('data', onData)
      resolve(pieces.join('').slice(0, -endMark.length))
    }
    stream.on('data', onData)
  })
}

/** Progress, which a command reports after a second: on a busy machine any does. */
const progressLines = /^[a-z ]+: (?:\d+ s|.*\/s(?:, .* left)?)\n/gm

/** Two, for tests that run commands at the same time; the second starts only for those. */
const runners = [new CommandRunner(), new CommandRunner()] as const

/** Runs a command of which only the output and the exit code matter. */
export async function runCommand(
  commandLine: readonly string[],
  env?: NodeJS.ProcessEnv,
): Promise<CliResult> {
  const [first, second] = runners
  const runner = second.waiting < first.waiting ? second : first
  const { code, stdout, stderr } = await runner.run(commandLine, env)
  return { code, stdout, stderr }
}
