import { join } from 'node:path'
import { openCacheDirectory } from '#src/cloud/cache-directory.js'
import { type CloudEnvConfig, parseCloudEnvOptions } from '#src/cloud/cloud-env-options.js'
import { Database } from '#src/cloud/database.js'
import { FileCache } from '#src/cloud/file-cache.js'
import { Disk } from './disk.js'
import type { Life, Scheduler } from './scheduler.js'
import { SimulatedRocksDB } from './simulated-rocksdb.js'
import type { SimulatedStore } from './store.js'

/** Path of the database, in the store and below each machine's root. */
export const path = 'db'
export const deletionDelayMs = 60_000

/** A machine with a disk, on which one process at a time has the database. */
export class Machine {
  readonly name: string
  readonly disk: Disk
  process: Life | undefined
  readonly #scheduler: Scheduler
  readonly #store: SimulatedStore
  #boots = 0

  constructor(name: string, scheduler: Scheduler, store: SimulatedStore, trace: (line: string) => void) {
    this.name = name
    this.disk = new Disk(scheduler, trace)
    this.#scheduler = scheduler
    this.#store = store
  }

  losePower(): void {
    this.disk.crash()
    this.#boots += 1
  }

  /** A process with an Env of its own. @param isPatient see {@link RocksDBHost}. */
  async start(
    life: Life,
    isPatient: () => boolean,
  ): Promise<{ readonly db: SimulatedRocksDB; readonly cache: FileCache }> {
    const root = `/${this.name}`
    const peek = (file: string) => this.disk.peek(file)
    const system = {
      clock: this.#scheduler.clock(life),
      files: this.disk.files(life),
      random: this.#scheduler.random,
      bootId: `${this.name}-${this.#boots}`,
    }
    const options = { reserveBytes: 0, system }
    const { directory } = await openCacheDirectory(system.files, join(root, '.cloudenv'))
    const cache = await FileCache.open(directory, 1 << 20, options)
    let isFenced = false
    const store = this.#store.client({ life, machine: this, peek })
    const database = new Database(join(root, path), [{ store, path }], {
      config: configOf(root),
      cache,
      system,
      openPlace: () => Promise.reject(new Error('there is no clone')),
      warn: () => {},
      fenced: () => {
        isFenced = true
      },
    })
    const db = new SimulatedRocksDB(database, { system, isFenced: () => isFenced, peek, isPatient })
    return { db, cache }
  }
}

/** Parsed once: that looks at the real disk. */
const configs = new Map<string, CloudEnvConfig>()

function configOf(root: string): CloudEnvConfig {
  const known = configs.get(root)
  if (known) return known
  const store = 'file:///simulated-store'
  const config = parseCloudEnvOptions({ store, root, deletionDelayMs, ownershipCheckMs: 10_000 })
  configs.set(root, config)
  return config
}
