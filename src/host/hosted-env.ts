import { WarmUps } from '../cloud/warm-ups.js'
import { realPath } from '../env/real-path.js'
import type { StateSelector } from '../env/state-selector.js'
import { checkWarmUpOptions, type WarmUpOptions, type WarmUpResult } from '../env/warm-up.js'
import { describe } from '../options/describe.js'
import { moduleUrl } from '../options/module-url.js'
import { type Check, type Checks, checkOptions, flag, isRecord, unchecked } from '../options/shape.js'
import { EnvEvents, type EventListener } from './env-events.js'
import { HostThread } from './host-thread.js'
import type { HostCall } from './worker-messages.js'

/** RocksDB's own option names. */
export type EngineOptions = Readonly<Record<string, string | number | boolean>>

/** An Env as a module, because it is loaded in the thread that hosts it. */
export interface EnvSpec {
  /** An absolute path, a URL such as `new URL('./my-env.js', import.meta.url)`, or a package's name. */
  readonly module: string | URL
  /** Name of the function that the module exports: `(options) => Env | Promise<Env>`. */
  readonly export: string
  /** Argument of that function. It is copied to the other thread, so it cannot contain functions. */
  readonly options?: unknown
  /** See {@link HostedEnv.defaultOptions}. */
  readonly defaultOptions?: EngineOptions
  /** See {@link HostedEnv.refusedOptions}. */
  readonly refusedOptions?: Readonly<Record<string, string>>
  /** See {@link HostedEnv.checkPath}. */
  readonly checkPath?: (path: string) => void
  /** See {@link HostedEnv.flushOnClose}. Default false. */
  readonly flushOnClose?: boolean
  /** Names of the events that the Env tells, see {@link HostedEnv.on}. Default: none. */
  readonly events?: readonly string[]
}

/** An Env that runs in its own host: the `env` of `RocksDB.open`. */
export interface HostedEnv {
  /**
   * Starts the host unless it runs already; resolves with the path of its socket. Concurrent calls share one start.
   * Rejects with the error of the Env's module, or with an EnvError if the host has died: the databases on it are lost
   * then, so it starts anew only after {@link close}.
   */
  start(): Promise<string>
  /** Engine options that suit databases on this Env. The user's options win. */
  readonly defaultOptions: EngineOptions
  /** Engine options that databases on this Env can't have, each with the reason. */
  readonly refusedOptions?: Readonly<Record<string, string>>
  /** Throws if no database of this Env can lie at the real path. Called before anything is created there. */
  checkPath?(path: string): void
  /** True if a table is safer than the write-ahead log, so that closing a database flushes it. */
  readonly flushOnClose?: boolean
  /**
   * Ends the work of the Env for the database in `directory` that waits for something far away: it fails with a
   * retryable error. No call of the engine needs this: closing and opening have a time-out.
   */
  abandon?(directory: string): void
  /**
   * Directory in which a state that the database in `directory` had can be opened read-only, until as many calls of
   * {@link releaseState}: the option `at` of `RocksDB.open` takes care of both. Starts the host.
   */
  stateAt?(directory: string, at: StateSelector): Promise<string>
  releaseState?(path: string): void
  /** See {@link HostedCloudEnv.warmUp}. Rejects with NotSupported if the Env has no cache. */
  warmUp?(directory: string, options?: WarmUpOptions): Promise<WarmUpResult>
  /** The last database that this program had open in `directory` is closed: ends the warm-ups there. */
  closed?(directory: string): void
  /** Like {@link abandon}, for all databases, from 5 s after this call on: the process is about to end. */
  expire?(): void
  /** The Env's own metrics; undefined if it has none or does not run. */
  metrics(): Promise<unknown>
  /**
   * Calls back after each event of this name, in this thread and up to 0.1 s later. The returned function ends that. The
   * listener must not throw. While nobody listens, an event costs nothing.
   *
   * Each event is also published on the channel `rocksdb-cloud-env:<name>` of `node:diagnostics_channel`. Subscribe
   * before a database is opened: a channel does not tell that it has subscribers, so the Env looks when it is started,
   * when a database is opened, and when {@link metrics} are asked for.
   *
   * @throws TypeError the Env has no event of this name.
   */
  on?(name: string, listener: (value: unknown) => void): () => void
  /**
   * Closes the Env, and ends its host. Close its databases first: an open one loses its files, and keeps only the
   * content of its write-ahead log.
   */
  close(): Promise<void>
}

/**
 * An Env of your own, hosted in a worker thread. The thread does not keep the process alive.
 *
 * Throws a TypeError if the specification is invalid.
 *
 * @example
 * const env = hostedEnv({ module: new URL('./my-env.js', import.meta.url), export: 'createMyEnv' })
 * const db = await RocksDB.open('/data/orders', { env })
 */
export function hostedEnv(spec: EnvSpec): HostedEnv {
  return new WorkerHostedEnv(spec)
}

/** The local file system, through a host. For tests, and to measure the cost of the detour. */
export function posixEnv(): HostedEnv {
  return hostedEnv({ module: new URL('../env/posix-env.js', import.meta.url), export: 'createPosixEnv' })
}

/** A file system in memory: its databases are gone once the Env is closed. */
export function memoryEnv(): HostedEnv {
  return hostedEnv({ module: new URL('../env/memory-env.js', import.meta.url), export: 'createMemoryEnv' })
}

/** RocksDB checks the names of its options. */
const record: Check = (value, name) => {
  if (!isRecord(value)) throw new TypeError(`expected "${name}" to be an object, got ${describe(value)}`)
}

const names: Check = (value, name) => {
  if (!Array.isArray(value) || value.some((event) => typeof event !== 'string'))
    throw new TypeError(`expected "${name}" to be an array of names, got ${describe(value)}`)
}

const specChecks: Checks<EnvSpec> = {
  module: unchecked,
  export: unchecked,
  options: unchecked,
  defaultOptions: record,
  refusedOptions: record,
  checkPath: unchecked,
  flushOnClose: flag,
  events: names,
}

class WorkerHostedEnv implements HostedEnv {
  readonly defaultOptions: EngineOptions
  readonly refusedOptions: Readonly<Record<string, string>>
  readonly flushOnClose: boolean
  readonly checkPath: (path: string) => void
  readonly #module: string
  readonly #export: string
  readonly #options: unknown
  readonly #events: EnvEvents
  readonly #warmUps = new WarmUps()
  /** The events that the running thread tells, as they were asked for last. */
  #told: readonly string[] = []
  #thread: Promise<HostThread> | undefined
  /** The same thread, once it runs. */
  #started: HostThread | undefined

  constructor(spec: EnvSpec) {
    checkOptions('hostedEnv', spec, specChecks)
    this.#module = moduleUrl(spec.module, 'module')
    if (typeof spec.export !== 'string')
      throw new TypeError(`expected "export" to be the name of a function, got ${describe(spec.export)}`)
    this.#export = spec.export
    this.#options = cloned(spec.options)
    this.defaultOptions = Object.freeze({ ...spec.defaultOptions })
    this.refusedOptions = Object.freeze({ ...spec.refusedOptions })
    this.flushOnClose = spec.flushOnClose ?? false
    this.checkPath = spec.checkPath ?? (() => undefined)
    this.#events = new EnvEvents(spec.events ?? [])
  }

  async start(): Promise<string> {
    const { failure, socketPath } = await this.#running()
    if (failure !== undefined) throw failure
    return socketPath
  }

  async metrics(): Promise<unknown> {
    const thread = await this.#thread
    this.#askForEvents()
    return await thread?.request({ method: 'metrics' })
  }

  on(name: string, listener: EventListener): () => void {
    const remove = this.#events.on(name, listener)
    this.#askForEvents()
    return () => {
      remove()
      this.#askForEvents()
    }
  }

  abandon(directory: string): void {
    this.#tell({ method: 'abandon', directory })
  }

  async stateAt(directory: string, at: StateSelector): Promise<string> {
    const thread = await this.#running()
    return (await thread.request({ method: 'stateAt', directory, at })) as string
  }

  releaseState(path: string): void {
    this.#tell({ method: 'releaseState', path })
  }

  async warmUp(directory: string, options: WarmUpOptions = {}): Promise<WarmUpResult> {
    checkWarmUpOptions(options)
    const thread = await this.#running()
    const path = realPath(directory)
    return this.#warmUps.run(path, options, (terms) => thread.warmUp(path, terms))
  }

  closed(directory: string): void {
    void this.#warmUps.end('the database', directory)
  }

  expire(): void {
    this.#tell({ method: 'expire' })
  }

  async close(): Promise<void> {
    const starting = this.#thread
    this.#thread = undefined
    this.#started = undefined
    this.#told = []
    const thread = await starting?.catch(() => undefined)
    await thread?.close()
  }

  /**
   * Sends at once if the thread runs, as this event loop may have no other turn. A host that is gone waits for nothing.
   */
  #tell(call: HostCall): void {
    void this.#started?.request(call).catch(() => {})
  }

  /** Tells the thread which events are wanted, unless it knows. */
  #askForEvents(): void {
    const names = this.#events.wanted
    if (!this.#started || names.join() === this.#told.join()) return
    this.#told = names
    this.#tell({ method: 'listen', names })
  }

  async #running(): Promise<HostThread> {
    this.#thread ??= HostThread.start({
      module: this.#module,
      export: this.#export,
      options: this.#options,
      onEvents: (events) => {
        this.#events.publish(events)
        this.#askForEvents()
      },
    })
    const starting = this.#thread
    try {
      const thread = await starting
      if (this.#thread === starting) this.#started = thread
      this.#askForEvents()
      return thread
    } catch (error) {
      if (this.#thread === starting) this.#thread = undefined // Nothing runs: the next call may try again.
      throw error
    }
  }
}

/** A copy, so that later changes by the caller change nothing here. */
function cloned(options: unknown): unknown {
  try {
    return structuredClone(options)
  } catch {
    // Without the cause: it quotes the value, including a function's source.
    throw new TypeError(
      `expected "options" of values that can be copied to another thread, got one that cannot${culprit(options)}`,
    )
  }
}

function culprit(options: unknown): string {
  for (const [key, value] of Object.entries(options as object)) {
    try {
      structuredClone(value)
    } catch {
      return `: "${key}"`
    }
  }
  return ''
}
