/**
 * Random reads by io_uring beside `pread`, to tell whether it would pay for `MultiRead` of cached blocks: fio reads a
 * file with one thread, by one `pread` after another and by io_uring at several depths, from the page cache and from
 * the disk.
 */
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureProgram } from '../installed.js'
import { median } from '../statistics.js'
import { fio } from './fio.js'
import { sizeName } from './size-name.js'

const kib = 1024
const mib = 1024 * kib
const blockSizes = [4, 16, 64, 256, 1024].map((size) => size * kib)
const depths = [1, 4, 8, 32] as const
const fileBytes = 256 * mib
const rounds = 3
const seconds = 1

export async function queueDepth(): Promise<void> {
  ensureProgram('fio')
  const directory = await mkdtemp(join(tmpdir(), 'depth-'))
  const file = join(directory, 'file')
  try {
    await writeFile(file, randomBytes(fileBytes))
    await print(file, 'from the page cache', ['--direct=0', '--invalidate=0'])
    await print(file, 'from the disk', ['--direct=1'])
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function print(file: string, from: string, source: readonly string[]): Promise<void> {
  const columns = depths.map((depth) => `io_uring, depth ${depth}, ratio`)
  console.log(`| ${[from, 'pread, MB/s', ...columns].join(' | ')} |`)
  console.log(`|---|${'---:|'.repeat(columns.length + 1)}`)
  // Into the page cache.
  await readFile(file)
  for (const blockBytes of blockSizes) {
    const options = [
      ...[`--filename=${file}`, `--bs=${blockBytes}`, `--runtime=${seconds}`, '--time_based'],
      ...source,
    ]
    const preads: number[] = []
    const rings = depths.map(() => [] as number[])
    for (let round = 0; round < rounds; round++) {
      preads.push(await fio('randread', options))
      for (const [index, depth] of depths.entries())
        rings[index]!.push(await fio('randread', [...options, `--iodepth=${depth}`], 'io_uring'))
    }
    const pread = median(preads)
    const ratios = rings.map((rates) => (median(rates) / pread).toFixed(2))
    console.log(`| ${[sizeName(blockBytes), Math.round(pread / 1e6), ...ratios].join(' | ')} |`)
  }
  console.log()
}
