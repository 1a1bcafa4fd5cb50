import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

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
  stdout = ''
  stderr = ''
  readonly #watchers = new Set<() => void>()

  constructor(cliArguments: readonly string[], env: NodeJS.ProcessEnv = {}, cwd?: string) {
    this.child = spawn(process.execPath, [main, ...cliArguments], {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(cwd !== undefined && { cwd }),
      env: { ...process.env, ...env },
    })
    for (const name of ['stdout', 'stderr'] as const) {
      this.child[name]!.setEncoding('utf8').on('data', (text: string) => {
        this[name] += text
        for (const look of [...this.#watchers]) look()
      })
    }
    this.result = new Promise((resolve, reject) => {
      this.child.on('error', reject)
      this.child.on('close', (code) => resolve({ code, stdout: this.stdout, stderr: this.stderr }))
    })
  }

  /** Resolves with the match as soon as it was printed; rejects when the program ends before. */
  printed(pattern: RegExp): Promise<RegExpMatchArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const match = this.stdout.match(pattern)
        if (match === null) return
        this.#watchers.delete(look)
        resolve(match)
      }
      this.#watchers.add(look)
      look()
      void this.result.then(({ code, stderr }) => reject(new Error(`ended with ${code}: ${stderr}`)))
    })
  }
}

export function runCli(
  cliArguments: readonly string[],
  env?: NodeJS.ProcessEnv,
  cwd?: string,
): Promise<CliResult> {
  return new Cli(cliArguments, env, cwd).result
}
