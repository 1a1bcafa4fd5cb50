// RocksDB's own programs, as the distribution ships them, with the plugin preloaded.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const plugin = fileURLToPath(new URL('../../build/native/libcloudenv.so', import.meta.url))
const preload = process.platform === 'darwin' ? 'DYLD_INSERT_LIBRARIES' : 'LD_PRELOAD'

const missing = [
  ...(existsSync(plugin) ? [] : ['build/native/libcloudenv.so']),
  ...['ldb', 'db_bench'].filter((program) => spawnSync(program, ['--version']).error !== undefined),
]

export const havePrograms = missing.length === 0

/** A suite name that explains itself when it is skipped. */
export const programSuite = (title: string): string =>
  havePrograms ? title : `${title} (skipped: no ${missing.join(', ')})`

export interface Ended {
  readonly code: number | null
  /** Null when the program ended by itself: it neither crashed nor had to be killed. */
  readonly signal: NodeJS.Signals | null
  readonly output: string
}

/** Runs a program to its end. One that hangs is killed, which shows in `signal`. */
export function run(
  program: string,
  programArguments: readonly string[],
  options: RunOptions = {},
): Promise<Ended> {
  const { cwd, onOutput } = options
  const env = { ...process.env, [preload]: plugin }
  return new Promise((resolve, reject) => {
    const child = spawn(program, programArguments, { cwd, env, timeout: 200_000, killSignal: 'SIGKILL' })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
        onOutput?.(output, child)
      })
    }
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, output }))
  })
}

export interface RunOptions {
  readonly cwd?: string
  /** Called with everything printed so far. */
  readonly onOutput?: (output: string, program: ChildProcess) => void
}

/** `run` with a file system URI. */
export function runOn(
  socketPath: string,
  program: string,
  programArguments: readonly string[],
  options?: RunOptions,
): Promise<Ended> {
  return run(program, [`--fs_uri=cloudenv://${socketPath}`, ...programArguments], options)
}
