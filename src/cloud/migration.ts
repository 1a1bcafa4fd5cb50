import { join } from 'node:path'
import type { DatabasePlace } from '../catalog/database-place.js'
import { assertArrived } from '../catalog/incoming.js'
import { listPlace } from '../catalog/listed-place.js'
import { mapLimited } from '../catalog/map-limited.js'
import type { StoredFile } from '../catalog/stored-file.js'
import { totalSize } from '../catalog/total-size.js'
import { sleep } from '../env/clock.js'
import { type EnvError, toEnvError } from '../env/env-error.js'
import type { System } from '../env/system.js'
import type { CachedFile } from './cached-file.js'
import type { DatabaseMigration } from './env-events.js'
import { Pace } from './pace.js'
import {
  type PreparedMigration,
  removeArrived,
  removeMigrationMark,
  writeMigrationMark,
} from './prepared-migration.js'
import type { Table, Tables } from './tables.js'
import type { Uploads } from './uploads.js'

export interface MigrationStart {
  readonly place: DatabasePlace
  readonly directory: string
  readonly prepared: PreparedMigration
  readonly tables: Tables
  readonly uploads: Uploads
  /** Makes the database one of the store. Resolves at once if it is. */
  publish(): Promise<void>
  isPublished(): boolean
}

export interface MigrationDependencies {
  readonly system: System
  /** Rate at which the files of a database that is migrated follow; undefined: as fast as they can. */
  readonly migrationBytesPerSecond: number | undefined
  /** The local side of a stored file. */
  cachedFile(file: StoredFile): CachedFile
  /** Called before a new database comes to be: rejects if the store can't keep two writers apart. */
  beforeCreation(): Promise<void>
  /** Called after each step of a migration. */
  migrated(progress: MigrationProgress): void
}

export type MigrationProgress = Omit<DatabaseMigration, 'directory'>

/** One of four uploads at a time is left to the tables that RocksDB writes: flushes and compactions wait for these. */
const concurrentUploads = 3
const minRetryMs = 1000
const maxRetryMs = 60_000

/**
 * Brings the files of a database that lies in a directory into the store while it is open, and makes it one of the store
 * in the end. Until then the directory has all of it, and the store has nothing that anybody could open.
 */
export class Migration {
  readonly #given: MigrationStart
  readonly #deps: MigrationDependencies
  /** Files that the store did not have, in the order in which they go. */
  readonly #waiting: readonly Table[]
  readonly #pace: Pace | undefined
  readonly #stop = new AbortController()
  #announcing: Promise<void> | undefined
  #running: Promise<void> | undefined
  #isComplete = false

  constructor(start: MigrationStart, deps: MigrationDependencies) {
    const { directory, prepared, tables } = start
    const { migrationBytesPerSecond } = deps
    this.#given = start
    this.#deps = deps
    this.#pace = migrationBytesPerSecond === undefined ? undefined : new Pace(migrationBytesPerSecond)
    this.#waiting = [...prepared.waiting].map(([name, file]) => tables.seal(name, file))
    for (const [name, file] of [...prepared.arrived, ...prepared.waiting]) {
      const cached = deps.cachedFile(file)
      if (!cached.isPinned) cached.pin(join(directory, name), { isShared: true })
    }
  }

  /**
   * Call this before anything else is sent. Does nothing after it has succeeded once.
   * @throws EnvError Busy: another database arrives at the place.
   */
  async announce(): Promise<void> {
    this.#announcing ??= this.#writeMark().catch((error: unknown) => {
      this.#announcing = undefined
      throw error
    })
    await this.#announcing
  }

  /** CURRENT names a MANIFEST that was committed here: the files follow, and then that MANIFEST or a later one. */
  start(): void {
    this.#running ??= this.#run()
  }

  /** True when nothing is left to do: see {@link complete}. */
  get isComplete(): boolean {
    return this.#isComplete
  }

  /** @throws EnvError IOError: the store lacks a file that has arrived there. */
  async assertArrived(): Promise<void> {
    const { place, tables } = this.#given
    // RocksDB goes on to write others, which no commit names before the one under way has ended.
    const files = [...tables.values()].flatMap(({ state, file }) => (state === 'stored' && file ? file : []))
    assertArrived(await listPlace(place), files)
  }

  /**
   * The store has the database: its files in the directory are copies.
   * @param keep takes one into the cache, or off the disk.
   */
  async complete(keep: (cached: CachedFile, path: string) => Promise<void>): Promise<void> {
    const { place, tables } = this.#given
    for (const { state, file } of tables.values()) {
      const cached = state === 'stored' && file ? this.#deps.cachedFile(file) : undefined
      const copy = cached?.isPinned ? cached.location() : undefined
      if (cached && copy) await keep(cached, copy.path)
    }
    await removeMigrationMark(place, this.#given.prepared)
    this.#isComplete = true
  }

  /** The database was destroyed. */
  async removeArrived(): Promise<void> {
    await removeArrived(this.#given.place, this.#given.prepared)
  }

  /** The database is being closed: nothing more begins. */
  stop(): void {
    this.#stop.abort()
  }

  /** Resolves when nothing is under way any more. Uploads have to be ended before. */
  async ended(): Promise<void> {
    await this.#announcing?.catch(() => undefined)
    await this.#running
  }

  async #writeMark(): Promise<void> {
    const { place, directory, prepared } = this.#given
    await this.#deps.beforeCreation()
    await writeMigrationMark(place, directory, prepared, this.#deps.system.random)
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { uploads, publish } = this.#given
    const { clock } = this.#deps.system
    await mapLimited(this.#waiting, concurrentUploads, async (table) => {
      if (this.#stop.signal.aborted || !isWaiting(table)) return
      const delayMs = this.#pace?.delayMs(clock.elapsed(), table.file?.size ?? 0) ?? 0
      if (delayMs > 0) await sleep(clock, delayMs, this.#stop.signal)
      await this.#untilDone(async () => {
        if (!isWaiting(table)) return undefined
        // A commit that waits for it may have begun to repeat it.
        if (table.state === 'failed' || !table.upload) uploads.start(table)
        return table.upload?.outcome
      })
    })
    await this.#untilDone(() =>
      publish().then(
        () => undefined,
        (error: unknown) => toEnvError(error, 'migration'),
      ),
    )
  }

  /** Repeats a step until it succeeds, fails for good, or the database is closed. */
  async #untilDone(step: () => Promise<EnvError | undefined>): Promise<void> {
    for (let retryMs = minRetryMs; !this.#stop.signal.aborted; retryMs = Math.min(2 * retryMs, maxRetryMs)) {
      const failure = await step()
      if (this.#stop.signal.aborted && failure) return
      this.#tell(failure)
      if (!failure?.retryable) return
      await sleep(this.#deps.system.clock, retryMs, this.#stop.signal)
    }
  }

  #tell(failure: EnvError | undefined): void {
    const { tables, isPublished } = this.#given
    const all = [...tables.values()].map(({ state, file }) => ({ state, size: file?.size ?? 0 }))
    const arrived = all.filter(({ state }) => state === 'stored')
    this.#deps.migrated({
      files: all.length,
      bytes: totalSize(all),
      arrivedFiles: arrived.length,
      arrivedBytes: totalSize(arrived),
      isComplete: isPublished(),
      errorMessage: failure?.message,
    })
  }
}

/** RocksDB may have deleted the file meanwhile. */
function isWaiting({ state }: Table): boolean {
  return state === 'sealed' || state === 'failed'
}
