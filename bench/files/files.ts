/** The storage benchmarks of fio on the files of the Env: random reads by block size, sequential writes by jobs. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { newFarStore } from '../far-store.js'
import { ensureProgram } from '../installed.js'
import { svgPlot } from '../svg-plot.js'
import { type Reads, randomReads } from './random-reads.js'
import { sequentialWrites, type Writes } from './sequential-writes.js'
import { sizeName } from './size-name.js'

/** Seen from build/bench/files, where this runs. */
const plotFile = fileURLToPath(new URL('../../../docs/images/random-reads.svg', import.meta.url))

export async function files(): Promise<void> {
  ensureProgram('fio')
  const directory = await mkdtemp(join(tmpdir(), 'files-'))
  try {
    const store = newFarStore('files')
    const reads = await randomReads(store, directory)
    printReads(reads)
    await plot(reads)
    printWrites(await sequentialWrites(store, directory))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function printReads(reads: readonly Reads[]): void {
  console.log(
    '| read, µs | fio | RocksDB, local disk | Env, cached | ratio | CPU, ratio | cold | cold, 20 ms away |',
  )
  console.log('|---|---:|---:|---:|---:|---:|---:|---:|')
  for (const { blockBytes, fioMs, local, cached, cold, far } of reads) {
    const cells = [
      sizeName(blockBytes),
      micros(fioMs),
      micros(local.ms),
      micros(cached.ms),
      (cached.ms / local.ms).toFixed(2),
      (cached.cpuMs / local.cpuMs).toFixed(2),
      micros(cold.ms),
      micros(far.ms),
    ]
    console.log(`| ${cells.join(' | ')} |`)
  }
  console.log()
}

function printWrites(writes: readonly Writes[]): void {
  console.log(
    '| jobs | fio, MB/s | local disk, MB/s | Env, on disk, MB/s | Env, in the store, MB/s | CPU, ms/MB |',
  )
  console.log('|---:|---:|---:|---:|---:|---:|')
  for (const { jobs, fio, local, written, stored, cpuMs } of writes)
    console.log(
      `| ${[jobs, ...[fio, local, written, stored].map(Math.round), cpuMs.toFixed(2)].join(' | ')} |`,
    )
}

async function plot(reads: readonly Reads[]): Promise<void> {
  const line = (name: string, msOf: (of: Reads) => number) => ({
    name,
    values: reads.map((of) => of.blockBytes / msOf(of) / 1000),
  })
  const svg = svgPlot({
    title: 'Random reads, one at a time',
    xLabels: reads.map(({ blockBytes }) => sizeName(blockBytes)),
    yTitle: 'MB/s',
    lines: [
      line('fio, local disk', ({ fioMs }) => fioMs),
      line('RocksDB, local disk', ({ local }) => local.ms),
      line('RocksDB, Env, cached', ({ cached }) => cached.ms),
      line('Env, cold, loopback', ({ cold }) => cold.ms),
      line('Env, cold, 20 ms away', ({ far }) => far.ms),
    ],
  })
  await mkdir(join(plotFile, '..'), { recursive: true })
  await writeFile(plotFile, svg)
  console.error(`wrote ${plotFile}`)
}

function micros(ms: number): string {
  const us = ms * 1000
  return us < 100 ? us.toFixed(1) : Math.round(us).toLocaleString('en')
}
