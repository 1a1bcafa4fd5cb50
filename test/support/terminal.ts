import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

/** Of util-linux, `script` gives a program a terminal. */
export const haveTerminals = haveScript()

const main = fileURLToPath(import.meta.resolve('#src/cli/main.js'))

/** What a shell runs as `cloudenv` with these arguments. */
export function shellCommand(cliArguments: readonly string[]): string {
  return [process.execPath, main, ...cliArguments]
    .map((word) => `'${word.replaceAll("'", "'\\''")}'`)
    .join(' ')
}

/** A line of shell on a terminal of its own, which goes away when the test ends. */
export class Terminal {
  /** Everything that it showed, control sequences included. */
  shown = ''
  /** The exit code, as a shell tells it, at the end. */
  readonly code: Promise<number | null>
  readonly #child: ChildProcess
  readonly #watchers = new Set<() => void>()

  constructor(line: string, env: NodeJS.ProcessEnv = {}) {
    this.#child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
      // Node takes the terminal of a CI for one that is none.
      env: { ...process.env, TERM: 'xterm', CI: undefined, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    onTestFinished(() => void this.#child.kill('SIGKILL'))
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.shown += text
      for (const look of [...this.#watchers]) look()
    })
    this.code = new Promise((resolve, reject) => {
      this.#child.on('error', reject)
      this.#child.on('close', resolve)
    })
  }

  /** Resolves with the match as soon as it was shown; rejects when the line ends before. */
  async showed(pattern: RegExp): Promise<RegExpMatchArray> {
    return await new Promise((resolve, reject) => {
      const look = () => {
        const match = this.shown.match(pattern)
        if (match === null) return
        this.#watchers.delete(look)
        resolve(match)
      }
      this.#watchers.add(look)
      look()
      void this.code.then((code) => reject(new Error(`ended with ${code}: ${JSON.stringify(this.shown)}`)))
    })
  }

  /** Presses keys. */
  type(keys: string): void {
    this.#child.stdin!.write(keys)
  }
}

export const ctrlC = '\u0003'

function haveScript(): boolean {
  try {
    return execFileSync('script', ['--version'], { encoding: 'utf8' }).includes('util-linux')
  } catch {
    return false
  }
}
