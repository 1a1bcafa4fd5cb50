import { isAbsolute } from 'node:path'
import { pathToFileURL } from 'node:url'
import { HostThread } from './host-thread.js'

/** RocksDB's own option names. */
export type EngineOptions = Readonly<Record<string, string | number | boolean>>

/** An Env as a module, because it is loaded in the thread that hosts it. */
export interface EnvSpec {
  /** An absolute path, a URL such as `new URL('./my-env.js', import.meta.url)`, or a package's name. */
  readonly module: string | URL
  /** Name of the function that the module exports: `(options) => Env | Promise<Env>`. */
  readonly export: string
  /** What that function is given. It is copied to the other thread, so functions cannot be in it. */
  readonly options?: unknown
  /** See {@link HostedEnv.defaultOptions}. */
  readonly defaultOptions?: EngineOptions
  /** See {@link HostedEnv.refusedOptions}. */
  readonly refusedOptions?: Readonly<Record<string, string>>
}

/** An Env that runs in a host of its own: what `RocksDB.open` takes as `env`. */
export interface HostedEnv {
  /**
   * Starts the host when it does not run yet; resolves with the path of its socket. Concurrent calls
   * share one start. Rejects with what the Env's module threw, or with an EnvError when the host has
   * died: the databases on it are lost then, so it starts anew only after {@link close}.
   */
  start(): Promise<string>
  /** Engine options that suit databases on this Env. The user's win. */
  readonly defaultOptions: EngineOptions
  /** Engine options that databases on this Env can't have, each with the reason. */
  readonly refusedOptions?: Readonly<Record<string, string>>
  /** The Env's numbers about itself; undefined when it has none or does not run. */
  metrics(): Promise<unknown>
  /** Closes the Env, and ends its host. Databases on it must be closed before. */
  close(): Promise<void>
}

/**
 * An Env of your own, hosted in a worker thread. The thread does not keep the process alive.
 *
 * Throws a TypeError when the specification is not one.
 *
 * @example
 * const env = hostedEnv({ module: new URL('./my-env.js', import.meta.url), export: 'createMyEnv' })
 * const db = await RocksDB.open('/data/orders', { env })
 */
export function hostedEnv(spec: EnvSpec): HostedEnv {
  return new WorkerHostedEnv(spec)
}

/** The local file system, by way of a host. For tests, and to see what the detour costs. */
export function posixEnv(): HostedEnv {
  return hostedEnv({ module: new URL('../env/posix-env.js', import.meta.url), export: 'createPosixEnv' })
}

/** A file system in memory: databases that are gone when the Env is closed. */
export function memoryEnv(): HostedEnv {
  return hostedEnv({ module: new URL('../env/memory-env.js', import.meta.url), export: 'createMemoryEnv' })
}

class WorkerHostedEnv implements HostedEnv {
  readonly defaultOptions: EngineOptions
  readonly refusedOptions: Readonly<Record<string, string>>
  readonly #module: string
  readonly #export: string
  readonly #options: unknown
  #thread: Promise<HostThread> | undefined

  constructor(spec: EnvSpec) {
    this.#module = moduleUrl(spec.module)
    if (typeof spec.export !== 'string')
      throw new TypeError(`expected "export" to be the name of a function, got ${typeof spec.export}`)
    this.#export = spec.export
    this.#options = cloned(spec.options)
    this.defaultOptions = Object.freeze({ ...spec.defaultOptions })
    this.refusedOptions = Object.freeze({ ...spec.refusedOptions })
  }

  async start(): Promise<string> {
    const { failure, socketPath } = await this.#running()
    if (failure !== undefined) throw failure
    return socketPath
  }

  async metrics(): Promise<unknown> {
    const thread = await this.#thread
    return await thread?.request('metrics')
  }

  async close(): Promise<void> {
    const starting = this.#thread
    this.#thread = undefined
    const thread = await starting?.catch(() => undefined)
    await thread?.close()
  }

  async #running(): Promise<HostThread> {
    this.#thread ??= HostThread.start({ module: this.#module, export: this.#export, options: this.#options })
    const starting = this.#thread
    try {
      return await starting
    } catch (error) {
      if (this.#thread === starting) this.#thread = undefined // Nothing runs: the next call may try again.
      throw error
    }
  }
}

function moduleUrl(module: string | URL): string {
  if (module instanceof URL) return module.href
  if (typeof module !== 'string' || module === '' || module.startsWith('.'))
    throw new TypeError(
      `expected "module" to be an absolute path, a URL or a package name, got ${String(module)}`,
    )
  return isAbsolute(module) ? pathToFileURL(module).href : module
}

/** A copy, so that what the caller changes later changes nothing here. */
function cloned(options: unknown): unknown {
  try {
    return structuredClone(options)
  } catch {
    // Without the cause: it quotes the value, a function's source included.
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
