/**
 * Cost of the Env when it has nothing to fetch: the distribution's db_bench on the Env, with a store in a directory,
 * against the same db_bench on the plain POSIX file system. Both run on one disk, in turns, five times; each ratio is
 * the median of the five pairs.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { median } from './statistics.js'

const rounds = 5
const benchmarks = ['fillrandom', 'fillseq', 'readrandom', 'readseq'] as const
type Benchmark = (typeof benchmarks)[number]

/**
 * 1,000,000 records of 16 + 100 bytes, with RocksDB's own defaults otherwise. Reads are repeated, and db_bench reports
 * the median, because a single pass in order takes a quarter of a second.
 */
const options = ['--benchmarks=fillrandom,fillseq,readrandom[X3],readseq[X9]', '--num=1000000', '--seed=1']
const cloudenv = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

export async function tax(): Promise<void> {
  const pairs: { readonly plain: Rates; readonly env: Rates }[] = []
  for (let round = 1; round <= rounds; round++) {
    const order = round % 2 === 1 ? [onPlainFiles, onTheEnv] : [onTheEnv, onPlainFiles]
    const rates = new Map<typeof onTheEnv, Rates>()
    for (const run of order) rates.set(run, await inNewDirectory(run))
    pairs.push({ plain: rates.get(onPlainFiles)!, env: rates.get(onTheEnv)! })
    console.error(`round ${round} of ${rounds}`)
  }
  console.log('| db_bench | POSIX, ops/s | Env, ops/s | ratio | min to max |')
  console.log('|---|---:|---:|---:|---:|')
  for (const name of benchmarks) {
    const ratios = pairs.map(({ plain, env }) => env[name] / plain[name])
    const cells = [
      name,
      Math.round(median(pairs.map(({ plain }) => plain[name]))).toLocaleString('en'),
      Math.round(median(pairs.map(({ env }) => env[name]))).toLocaleString('en'),
      median(ratios).toFixed(2),
      `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`,
    ]
    console.log(`| ${cells.join(' | ')} |`)
  }
}

/** Operations per second. */
type Rates = Readonly<Record<Benchmark, number>>

async function onPlainFiles(directory: string): Promise<Rates> {
  return run('db_bench', [`--db=${join(directory, 'db')}`, ...options])
}

async function onTheEnv(directory: string): Promise<Rates> {
  const root = join(directory, 'root')
  return run(process.execPath, [
    cloudenv,
    'exec',
    '--store',
    `file://${join(directory, 'store')}`,
    '--root',
    root,
    '--',
    'db_bench',
    `--db=${join(root, 'db')}`,
    ...options,
  ])
}

async function run(program: string, args: readonly string[]): Promise<Rates> {
  const { stdout } = await promisify(execFile)(program, args, { maxBuffer: 1 << 26 })
  const rates = Object.fromEntries(
    benchmarks.map((name) => {
      const line =
        new RegExp(`^${name} \\[MEDIAN .*: (\\d+) ops/sec`, 'm').exec(stdout) ??
        new RegExp(`^${name}\\s*:.*?(\\d+) ops/sec`, 'm').exec(stdout)
      if (!line) throw new Error(`db_bench reported nothing for ${name}:\n${stdout}`)
      return [name, Number(line[1])]
    }),
  )
  return rates as Rates
}

async function inNewDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'tax-'))
  try {
    return await work(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
