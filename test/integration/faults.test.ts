import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { type CloudEnvOptions, cloudEnv, RocksDB } from '#src/index.js'
import { anyFault, randomOf } from '../support/chaos.ts'
import { runCommand } from '../support/command-runner.ts'
import { countBatches } from '../support/contention.js'
import { FaultProxy } from '../support/fault-proxy.ts'
import { newRoot } from '../support/machine.ts'
import { cliAccess, mainTestStores } from '../support/test-stores.ts'

/** Each takes some ten seconds. */
const rounds = Number(process.env.CLOUDENV_TEST_ROUNDS ?? 2)
/** Each takes some three seconds. */
const kills = Number(process.env.CLOUDENV_TEST_FAULTY_KILLS ?? 5)
const seed = Number(process.env.CLOUDENV_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))

const writer = fileURLToPath(new URL('../support/contending-writer.js', import.meta.url))
const options = { write_buffer_size: 1 << 20, target_file_size_base: 1 << 20 }
const minio = inject('servers').find(({ name }) => name === 'minio')

/** A database in MinIO behind a proxy, its writers, and what they reported. */
class Scene {
  /** Past the proxy. */
  readonly direct: CloudEnvOptions
  readonly url: string
  readonly random = randomOf(seed)
  /** Number of batches of each opening that an acknowledged flush covers. */
  readonly flushed = new Map<string, number>()
  /** Number of acknowledged batches of each opening. */
  readonly written = new Map<string, number>()
  readonly #store = mainTestStores()
    .find(({ name }) => name === 'minio')!
    .make()
  readonly #proxy: FaultProxy
  readonly #events = new Map<string, number>()

  private constructor(proxy: FaultProxy) {
    this.#proxy = proxy
    this.direct = { ...this.#store.connection, store: this.#store.url(), root: '' }
    this.url = this.#store.url('db')
  }

  static async begin(): Promise<Scene> {
    const proxy = await FaultProxy.start(minio!.endpoint)
    onTestFinished(() => proxy.stop())
    return new Scene(proxy)
  }

  /** A process that writes through the proxy until it is killed. */
  startWriter(root: string): { kill(): Promise<void> } {
    const input = { path: join(root, 'db'), envOptions: { ...this.#troubled, root }, options }
    const child = spawn(process.execPath, [writer, JSON.stringify(input)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const ended = once(child, 'close')
    createInterface(child.stdout).on('line', (line) => {
      const [event = '', opening = '', count = ''] = line.split(' ')
      if (event === 'written') this.written.set(opening, Number(count))
      if (event === 'flushed') this.flushed.set(opening, Number(count))
      this.#count(['written', 'flushed', 'opened'].includes(event) ? event : `${event} ${opening}`)
    })
    return {
      async kill() {
        child.kill('SIGKILL')
        const [code, signal] = await ended
        expect([code, signal], 'the writer was alive until it was killed').toEqual([null, 'SIGKILL'])
      },
    }
  }

  beginFaults(): void {
    this.#proxy.trouble(anyFault(this.random, { every: 30 }))
  }

  endFaults(): void {
    this.#proxy.reset()
  }

  count(event: string): number {
    return this.#events.get(event) ?? 0
  }

  /** Reads through the proxy. Errors are fine; wrong or missing data is not. */
  async readThroughFaults(): Promise<void> {
    await this.#read(this.#troubled, this.flushed).then(
      () => this.#count('read'),
      (error: Error & { code?: string }) => {
        if (error.code === undefined) this.fail(error)
        this.#count(`reader ${error.code}`)
      },
    )
  }

  /** Checks that everything flushed is in the store. */
  async readStore(): Promise<void> {
    await this.#read(this.direct, this.flushed).catch((error: Error) => this.fail(error))
  }

  async verify(): Promise<void> {
    const { options: access, env } = cliAccess(this.#store)
    const { code, stdout } = await runCommand(['verify', this.url, ...access], env)
    if (code !== 0) this.fail(new Error(stdout))
  }

  fail(error: Error): never {
    return expect.fail(`seed ${seed}: ${error.stack}\n${this}`)
  }

  toString(): string {
    return JSON.stringify(Object.fromEntries(this.#events))
  }

  /** From an empty directory. */
  async #read(envOptions: CloudEnvOptions, atLeast: ReadonlyMap<string, number>): Promise<void> {
    const expected = new Map(atLeast)
    const root = newRoot()
    const env = cloudEnv({ ...envOptions, root })
    try {
      const db = await RocksDB.open(join(root, 'db'), { env, readOnly: true })
      try {
        await expectBatches(db, expected)
      } finally {
        await db.close()
      }
    } finally {
      await env.close()
      rmSync(root, { recursive: true })
    }
  }

  get #troubled(): CloudEnvOptions {
    return { ...this.direct, endpoint: this.#proxy.endpoint, deletionDelayMs: 2000, ownershipCheckMs: 500 }
  }

  #count(event: string): void {
    this.#events.set(event, this.count(event) + 1)
  }
}

/** Checks that a database holds at least so many batches of each opening, none of them torn. */
async function expectBatches(db: RocksDB, atLeast: ReadonlyMap<string, number>): Promise<void> {
  const counts = await countBatches(db.iterator({ keyEncoding: 'utf8', valueEncoding: 'utf8' }))
  for (const [opening, count] of atLeast) {
    const found = counts.get(opening) ?? 0
    if (found < count) throw new Error(`${found} of ${count} batches of ${opening} are there`)
  }
}

describe.runIf(minio)('while requests meet faults of every kind', () => {
  test(
    `three writers lose nothing flushed, and readers get everything or an error: ${rounds} rounds`,
    async () => {
      const scene = await Scene.begin()
      let roots = [newRoot(), newRoot(), newRoot()]
      for (let round = 0; round < rounds; round++) {
        scene.beginFaults()
        const writers = roots.map((root) => scene.startWriter(root))
        const before = { opened: scene.count('opened'), flushed: scene.count('flushed') }
        // The database has changed owners a few times, and some of them had time to flush.
        while (scene.count('opened') < before.opened + 5 || scene.count('flushed') < before.flushed + 10) {
          await scene.readThroughFaults()
          if (scene.random() < 0.3) {
            const at = Math.floor(scene.random() * writers.length)
            await writers[at]!.kill()
            writers[at] = scene.startWriter(roots[at]!)
          }
        }
        await Promise.all(writers.map((running) => running.kill()))
        scene.endFaults()
        await scene.readStore()
        await scene.verify()
        // Machines come and go.
        roots = roots.map((root) => (scene.random() < 0.3 ? newRoot() : root))
      }
      expect(scene.count('read'), `${scene}`).toBeGreaterThan(0)
      if (rounds > 2) console.log(`seed ${seed}: ${scene}`)
    },
    Math.max(240_000, rounds * 300_000),
  )

  test(
    `a killed writer that keeps its directory loses nothing acknowledged: ${kills} times`,
    async () => {
      const scene = await Scene.begin()
      const root = newRoot()
      for (let kill = 0; kill < kills; kill++) {
        scene.beginFaults()
        const running = scene.startWriter(root)
        const atLeast = scene.count('written') + 1 + Math.floor(scene.random() * 100)
        while (scene.count('written') < atLeast) await scene.readThroughFaults()
        await running.kill()
        scene.endFaults()
        await scene.readStore()
        const env = cloudEnv({ ...scene.direct, root })
        const db = await RocksDB.open(join(root, 'db'), { env })
        await expectBatches(db, scene.written).catch((error: Error) => scene.fail(error))
        await db.close({ flush: scene.random() < 0.5 })
        await env.close()
      }
      await scene.verify()
      expect(scene.count('read'), `${scene}`).toBeGreaterThan(0)
      if (kills > 5) console.log(`seed ${seed}: ${scene}`)
    },
    Math.max(240_000, kills * 120_000),
  )
})
