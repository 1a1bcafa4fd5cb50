import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { type CloudEnvOptions, cloudEnv, RocksDB } from '#src/index.js'
import {
  batchSize,
  contentOf,
  indexOf,
  keyCount,
  keyOf,
  lastWriteKey,
  writeOf,
} from '../support/crash-workload.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { mainTestStores } from '../support/test-stores.js'

/** Each takes some four seconds. */
const kills = Number(process.env.CLOUDENV_TEST_KILLS ?? 50)
const atMostMs = kills * 60_000
const writer = fileURLToPath(new URL('../support/crash-writer.js', import.meta.url))

/** Small memtables, so that a kill meets flushes and compactions. */
const options = { write_buffer_size: 2 << 20, target_file_size_base: 4 << 20, max_background_jobs: 4 }

const newRoot = () => temporaryDirectory('cloudenv-root')

/** Writes that took effect, in order: runs of consecutive numbers. */
class History {
  #runs: { readonly first: number; readonly last: number }[] = []

  add(first: number, last: number): void {
    if (last >= first) this.#runs.push({ first, last })
  }

  /** Forgets the writes after number `last`: a kill undid them. */
  cutAfter(last: number): void {
    this.#runs = this.#runs
      .filter((run) => run.first <= last)
      .map((run) => ({ first: run.first, last: Math.min(run.last, last) }))
  }

  /** Last write of each key, up to write number `last`. */
  stateAfter(last: number): Float64Array {
    const state = new Float64Array(keyCount).fill(-1)
    for (const run of this.#runs) {
      for (let n = run.first; n <= Math.min(run.last, last); n++) state[indexOf(n)] = n
    }
    return state
  }
}

/** Compares every key with the model; returns the number of the last write that is there. */
async function verify(db: RocksDB, history: History, atLeast: number, atMost: number): Promise<number> {
  const last = Number(await db.get(lastWriteKey, { valueEncoding: 'utf8' }))
  expect(last).toBeGreaterThanOrEqual(atLeast)
  expect(last).toBeLessThanOrEqual(atMost)
  const expected = history.stateAfter(last)
  let count = 0
  const wrong: string[] = []
  const iterator = db.iterator({ prefix: 'key' })
  for (let entries = await iterator.nextBatch(); entries.length > 0; entries = await iterator.nextBatch()) {
    for (const [key, value] of entries) {
      const n = writeOf(value)
      if (n !== expected[count] || value.length !== 100)
        wrong.push(`${key}: write ${n}, expected ${expected[count]}`)
      count += 1
    }
  }
  expect(wrong.slice(0, 5)).toEqual([])
  expect(count).toBe(keyCount)
  return last
}

/** Runs the writer and kills it after a random time. Returns what it had acknowledged. */
async function writeAndKill(
  path: string,
  envOptions: CloudEnvOptions,
  firstWrite: number,
): Promise<{ written: number; flushed: number | undefined }> {
  const input = { path, envOptions, options, firstWrite, flushEvery: 40 }
  const child = spawn(process.execPath, [writer, JSON.stringify(input)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  let written = firstWrite - 1
  let flushed: number | undefined
  let isKilled = false
  for await (const line of createInterface(child.stdout)) {
    const [event, number] = line.split(' ')
    if (event === 'write') written = Number(number)
    if (event === 'flush') flushed = Number(number)
    if (event === 'open') {
      setTimeout(() => {
        isKilled = true
        child.kill('SIGKILL')
      }, Math.random() * 600)
    }
  }
  expect(isKilled, `the writer was alive until it was killed: ${errors}`).toBe(true)
  return { written, flushed }
}

describe.each(mainTestStores().slice(-1))('kill -9, with the store in $name', ({ make }) => {
  test(
    `loses nothing acknowledged with the local directory, and nothing flushed without: ${kills} times`,
    async () => {
      const store = make()
      const root = newRoot()
      const envOptions: CloudEnvOptions = { ...store.connection, store: store.url(), root }
      const path = join(root, 'db')
      const env = cloudEnv(envOptions)
      const history = new History()

      const loaded = await RocksDB.open(path, { env, options })
      for (let n = 0; n < keyCount; n += 1000) {
        await loaded.batch(
          Array.from({ length: 1000 }, (_, i) => ({
            type: 'put',
            key: keyOf(n + i),
            value: contentOf(n + i),
          })),
        )
      }
      await loaded.put(lastWriteKey, String(keyCount - 1))
      await loaded.flush()
      await loaded.compactRange()
      await loaded.close()
      history.add(0, keyCount - 1)

      let last = keyCount - 1
      let flushed = last
      for (let kill = 0; kill < kills; kill++) {
        // Numbers are not reused, so that an undone write is not taken for a later one.
        const firstWrite = (Math.floor(last / 1_000_000) + 1) * 1_000_000
        const done = await writeAndKill(path, envOptions, firstWrite)
        // It may have been killed before its first write.
        const acknowledged = done.written < firstWrite ? last : done.written
        flushed = Math.max(flushed, done.flushed ?? 0)
        // The write under way at the kill may have taken effect without being acknowledged.
        const atMost = Math.max(done.written + batchSize, last)
        history.add(firstWrite, done.written + batchSize)

        const elsewhere = newRoot()
        const otherEnv = cloudEnv({ ...envOptions, root: elsewhere })
        const fromTheBucket = await RocksDB.open(join(elsewhere, 'db'), { env: otherEnv, readOnly: true })
        await verify(fromTheBucket, history, flushed, atMost)
        await fromTheBucket.close()
        await otherEnv.close()
        rmSync(elsewhere, { recursive: true })

        const recovered = await RocksDB.open(path, { env, options })
        last = await verify(recovered, history, acknowledged, atMost)
        await recovered.close()
        history.cutAfter(last)
      }

      await env.close()
      rmSync(root, { recursive: true })
      const restored = await RocksDB.open(path, { env: cloudEnv(envOptions), options })
      await verify(restored, history, flushed, last)
      await restored.close()
    },
    atMostMs,
  )
})
