import { join } from 'node:path'
import type { OpenPlace } from '#src/catalog/sources.js'
import { openCacheDirectory } from '#src/cloud/cache-directory.js'
import { type CloudEnvConfig, parseCloudEnvOptions } from '#src/cloud/cloud-env-options.js'
import { Database } from '#src/cloud/database.js'
import { FileCache } from '#src/cloud/file-cache.js'
import type { ObjectStore } from '#src/store/object-store.js'
import { Disk } from './disk.js'
import type { Life, Scheduler } from './scheduler.js'
import { SimulatedRocksDB } from './simulated-rocksdb.js'
import type { SimulatedStore } from './store.js'

/** Path of the first database, in the store and below the roots of its machines. */
export const path = 'db'
export const defaultDelayMs = 60_000

export interface MachineOptions {
  readonly deletionDelayMs?: number
}

/** How an Env opens a database. */
export interface OpeningOptions {
  readonly path: string
  readonly cookie: string
  /** Cookie of the branch that an opening for writing begins. */
  readonly newCookie?: string
  /** Path of the database that this one is a clone of. */
  readonly source?: string
}

/** A machine with a disk, on which one process at a time has a database. */
export class Machine {
  readonly name: string
  readonly deletionDelayMs: number
  readonly disk: Disk
  process: Life | undefined
  readonly #scheduler: Scheduler
  readonly #store: SimulatedStore
  #boots = 0

  constructor(
    name: string,
    { deletionDelayMs = defaultDelayMs }: MachineOptions,
    scheduler: Scheduler,
    store: SimulatedStore,
    trace: (line: string) => void,
  ) {
    this.name = name
    this.deletionDelayMs = deletionDelayMs
    this.disk = new Disk(scheduler, trace)
    this.#scheduler = scheduler
    this.#store = store
  }

  losePower(): void {
    this.disk.crash()
    this.#boots += 1
  }

  /** The store for a process without an Env. */
  storeFor(life: Life): ObjectStore {
    return this.#store.client({ life, machine: this, peek: () => undefined })
  }

  /** A process with an Env of its own. @param isPatient see {@link RocksDBHost}. */
  async start(
    life: Life,
    isPatient: () => boolean,
    { path: databasePath, source, ...cookies }: OpeningOptions = { path, cookie: '' },
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
    const own = { store, path: databasePath }
    const places = source === undefined ? ([own] as const) : ([own, { store, path: source }] as const)
    const database = new Database(join(root, databasePath), places, {
      config: { ...configOf(root, this.deletionDelayMs), newCookie: undefined, ...cookies },
      cache,
      system,
      openPlace: placeOpener(store),
      warn: () => {},
      migrated: () => {},
      fenced: () => {
        isFenced = true
      },
    })
    const db = new SimulatedRocksDB(database, { system, isFenced: () => isFenced, peek, isPatient })
    return { db, cache }
  }
}

/** Opens places in the store by their URLs. */
export function placeOpener(store: ObjectStore): OpenPlace {
  return async (url) => ({ store, path: url.slice(`${store.url}/`.length) })
}

/** Parsed once: that looks at the real disk. */
const configs = new Map<string, CloudEnvConfig>()

function configOf(root: string, deletionDelayMs: number): CloudEnvConfig {
  const known = configs.get(`${root} ${deletionDelayMs}`)
  if (known) return known
  const store = 'file:///simulated-store'
  const config = parseCloudEnvOptions({ store, root, deletionDelayMs, ownershipCheckMs: 10_000 })
  configs.set(`${root} ${deletionDelayMs}`, config)
  return config
}
