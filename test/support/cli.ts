import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { AwaitedText } from './awaited-text.ts'

const main = fileURLToPath(import.meta.resolve('#src/cli/main.js'))

export interface CliResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A running `cloudenv`. */
export class Cli {
  readonly child: ChildProcess
  readonly result: Promise<CliResult>
  readonly #output = { stdout: new AwaitedText(), stderr: new AwaitedText() }

  constructor(cliArguments: readonly string[], env: NodeJS.ProcessEnv = {}, cwd?: string) {
    this.child = spawn(process.execPath, [main, ...cliArguments], {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(cwd !== undefined && { cwd }),
      env: { ...process.env, ...env },
    })
    for (const name of ['stdout', 'stderr'] as const) {
      this.child[name]!.setEncoding('utf8').on('data', (text: string) => this.#output[name].add(text))
    }
    this.result = new Promise((resolve, reject) => {
      this.child.on('error', reject)
      this.child.on('close', (code) => resolve({ code, stdout: this.stdout, stderr: this.stderr }))
    })
  }

  get stdout(): string {
    return this.#output.stdout.text
  }

  get stderr(): string {
    return this.#output.stderr.text
  }

  /** Resolves with the match as soon as it was printed; rejects when the program ends before. */
  printed(pattern: RegExp): Promise<RegExpMatchArray> {
    const ended = this.result.then(({ code, stderr }) => `ended with ${code}: ${stderr}`)
    return this.#output.stdout.matching(pattern, ended)
  }
}

export function runCli(
  cliArguments: readonly string[],
  env?: NodeJS.ProcessEnv,
  cwd?: string,
): Promise<CliResult> {
  return new Cli(cliArguments, env, cwd).result
}
