/**
 * Files of 64 MiB written from start to end in pieces of 1 MiB, several at a time. fio and this process write plain
 * files and sync them. Tables of the Env are written and synced like those of RocksDB; it then puts them into the store.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { LocalWritableFile } from '../../dist/index.js'
import { type Cost, costOf } from '../cost.js'
import type { FarStore } from '../far-store.js'
import { median } from '../statistics.js'
import { fio } from './fio.js'

// Seen from build/bench/files, where this runs.
const built = new URL('../../../dist/cloud/cloud-env.js', import.meta.url).href
const { createCloudEnv } = (await import(built)) as typeof import('../../dist/cloud/cloud-env.js')

const mib = 1 << 20
const jobCounts = [1, 2, 4, 8] as const
const fileBytes = 64 * mib
const rounds = 5
const piece = randomBytes(mib)

export interface Writes {
  readonly jobs: number
  /** MB/s of all jobs together. */
  readonly fio: number
  readonly local: number
  /** Until the files are written and synced on the local disk. */
  readonly written: number
  /** Until they are in the store. */
  readonly stored: number
  /** CPU of this process for a MB until it is in the store, in ms. */
  readonly cpuMs: number
}

export async function sequentialWrites(store: FarStore, directory: string): Promise<Writes[]> {
  const results: Writes[] = []
  for (const jobs of jobCounts) {
    console.error(`writes of ${jobs} jobs`)
    const raw: number[] = []
    const local: number[] = []
    const env: { readonly written: number; readonly stored: number; readonly cpuMs: number }[] = []
    for (let round = 0; round <= rounds; round++) {
      raw.push((await rawWrites(jobs, directory)) / 1e6)
      local.push(rateOf(jobs, await onPlainFiles(jobs, directory)))
      env.push(await onTheEnv(jobs, store, directory))
    }
    // The first round does not count.
    results.push({
      jobs,
      fio: median(raw.slice(1)),
      local: median(local.slice(1)),
      written: median(env.slice(1).map(({ written }) => written)),
      stored: median(env.slice(1).map(({ stored }) => stored)),
      cpuMs: median(env.slice(1).map(({ cpuMs }) => cpuMs)),
    })
  }
  return results
}

async function rawWrites(jobs: number, directory: string): Promise<number> {
  return await inNewDirectory(directory, (inside) =>
    fio('write', [
      `--directory=${inside}`,
      '--bs=1M',
      `--size=${fileBytes}`,
      `--numjobs=${jobs}`,
      '--fallocate=none',
      '--end_fsync=1',
    ]),
  )
}

async function onPlainFiles(jobs: number, directory: string): Promise<Cost> {
  return await inNewDirectory(directory, (inside) =>
    costOf(() => inParallel(jobs, (job) => writeFile(join(inside, String(job))))),
  )
}

async function onTheEnv(
  jobs: number,
  store: FarStore,
  directory: string,
): Promise<{ written: number; stored: number; cpuMs: number }> {
  return await inNewDirectory(directory, async (root) => {
    const env = await createCloudEnv({
      store: `s3://${store.bucket}/${store.prefix}/${randomBytes(6).toString('hex')}`,
      endpoint: store.nearEndpoint,
      root,
    })
    const database = join(root, 'db')
    await mkdir(database)
    await env.lockFile(join(database, 'LOCK'))
    let written = 0
    const start = performance.now()
    const stored = await costOf(async () => {
      await inParallel(jobs, async (job) => {
        const file = await env.newWritableFile(join(database, `00001${job}.sst`))
        const { path, synced, sealed } = file as LocalWritableFile
        await writeFile(path)
        await synced?.(fileBytes)
        await sealed?.(fileBytes)
      })
      written = performance.now() - start
      while (env.metrics().uploads.pending > 0) await delay(1)
    })
    await env.unlockFile(join(database, 'LOCK'))
    await env.close()
    return {
      written: (jobs * fileBytes) / written / 1000,
      stored: rateOf(jobs, stored),
      cpuMs: stored.cpuMs / ((jobs * fileBytes) / 1e6),
    }
  })
}

async function writeFile(path: string): Promise<void> {
  const file = await open(path, 'w')
  for (let at = 0; at < fileBytes; at += piece.length) await file.write(piece)
  await file.sync()
  await file.close()
}

async function inParallel(jobs: number, work: (job: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: jobs }, (_, job) => work(job)))
}

/** MB/s */
function rateOf(jobs: number, { ms }: Cost): number {
  return (jobs * fileBytes) / ms / 1000
}

async function inNewDirectory<T>(directory: string, work: (inside: string) => Promise<T>): Promise<T> {
  const inside = await mkdtemp(join(directory, 'writes-'))
  try {
    return await work(inside)
  } finally {
    await rm(inside, { recursive: true })
  }
}
