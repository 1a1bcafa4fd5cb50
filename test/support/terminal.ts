import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { AwaitedText } from './awaited-text.ts'

/** True if programs can get a terminal, which takes the `script` of util-linux and a system with ptys. */
export const haveTerminals = canMakeTerminal()

/** The name of a test or suite that needs terminals, which says so where it is skipped for want of them. */
export function terminalSuite(name: string): string {
  return haveTerminals ? name : `${name} (skipped: no terminal can be made here)`
}

const main = fileURLToPath(import.meta.resolve('#src/cli/main.js'))

/** Shell command for `cloudenv` with these arguments. */
export function shellCommand(cliArguments: readonly string[]): string {
  return [process.execPath, main, ...cliArguments]
    .map((word) => `'${word.replaceAll("'", "'\\''")}'`)
    .join(' ')
}

/** A line of shell on a terminal of its own, which goes away when the test ends. */
export class Terminal {
  /** The exit code, as a shell tells it, at the end. */
  readonly code: Promise<number | null>
  readonly #child: ChildProcess
  readonly #output = new AwaitedText()

  constructor(line: string, env: NodeJS.ProcessEnv = {}) {
    this.#child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
      // Node takes the terminal of a CI for one that is none.
      env: { ...process.env, TERM: 'xterm', CI: undefined, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    onTestFinished(() => void this.#child.kill('SIGKILL'))
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => this.#output.add(text))
    this.code = new Promise((resolve, reject) => {
      this.#child.on('error', reject)
      this.#child.on('close', resolve)
    })
  }

  /** Everything that it showed, control sequences included. */
  get shown(): string {
    return this.#output.text
  }

  /** Resolves with the match as soon as it was shown; rejects when the line ends before. */
  showed(pattern: RegExp): Promise<RegExpMatchArray> {
    const ended = this.code.then((code) => `ended with ${code}: ${JSON.stringify(this.shown)}`)
    return this.#output.matching(pattern, ended)
  }

  /** Presses keys. */
  type(keys: string): void {
    this.#child.stdin!.write(keys)
  }
}

export const ctrlC = '\u0003'

function canMakeTerminal(): boolean {
  const { stdout } = spawnSync(
    'script',
    ['--quiet', '--return', '--command', 'test -t 1 && echo made', '/dev/null'],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  )
  return stdout?.includes('made') ?? false
}
