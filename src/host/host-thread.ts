import { Worker } from 'node:worker_threads'
import type { EnvEvent } from '../env/env.js'
import type { WarmUpOptions, WarmUpProgress, WarmUpResult } from '../env/warm-up.js'
import { HostGoneError } from './host-gone-error.js'
import { makeSocketDirectory, removeSocketDirectory, type SocketDirectory } from './socket-directory.js'
import {
  fromThrownValue,
  type HostCall,
  type WorkerInput,
  type WorkerMessage,
  type WorkerReply,
  type WorkerRequest,
} from './worker-messages.js'

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
  readonly onProgress: ((progress: WarmUpProgress) => void) | undefined
}

export interface HostThreadOptions extends Omit<WorkerInput, 'socketPath'> {
  /** Called with what the Env tells, once a `listen` has asked for it. */
  onEvents(events: readonly EnvEvent[]): void
}

/** A running worker thread that hosts an Env. It keeps the process alive only while a request is pending. */
export class HostThread {
  readonly #worker: Worker
  readonly #directory: SocketDirectory
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0
  #failure: HostGoneError | undefined

  /** Rejects with the error of the Env's module or factory, in its own class if possible. */
  static async start(options: HostThreadOptions): Promise<HostThread> {
    const thread = new HostThread(options, await makeSocketDirectory())
    try {
      await thread.#reply(0)
    } catch (error) {
      await thread.#stop()
      throw error
    }
    return thread
  }

  private constructor({ onEvents, ...input }: HostThreadOptions, directory: SocketDirectory) {
    this.#directory = directory
    const workerData: WorkerInput = { ...input, socketPath: this.socketPath }
    this.#worker = new Worker(new URL('../bundle/worker.js', import.meta.url), {
      workerData,
      name: 'cloudenv',
      ...threadArguments(),
    })
    this.#worker.unref()
    this.#worker.on('message', (message: WorkerMessage) => {
      if ('events' in message) onEvents(message.events)
      else if ('progress' in message) this.#waiting.get(message.id)?.onProgress?.(message.progress)
      else this.#replied(message)
    })
    this.#worker.on('error', (error) => this.#fail(String(error), error))
    this.#worker.on('exit', (code) => this.#fail(`its thread ended with exit code ${code}`))
  }

  get socketPath(): string {
    return this.#directory.socketPath
  }

  /** Error with which the thread ended, unless somebody closed it. */
  get failure(): HostGoneError | undefined {
    return this.#failure
  }

  request(call: HostCall, onProgress?: (progress: WarmUpProgress) => void): Promise<unknown> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const request: WorkerRequest = { id: ++this.#lastId, ...call }
    const reply = this.#reply(request.id, onProgress)
    this.#worker.postMessage(request)
    return reply
  }

  async warmUp(directory: string, options: WarmUpOptions): Promise<WarmUpResult> {
    const { signal, onProgress, ...terms } = options
    signal?.throwIfAborted()
    const reply = this.request({ method: 'warmUp', directory, options: terms }, onProgress)
    const request = this.#lastId
    const end = () => void this.request({ method: 'endWarmUp', request }).catch(() => undefined)
    signal?.addEventListener('abort', end)
    try {
      return (await reply) as WarmUpResult
    } catch (error) {
      // The signal's reason does not cross threads.
      signal?.throwIfAborted()
      throw error
    } finally {
      signal?.removeEventListener('abort', end)
    }
  }

  /** Closes the Env, and rejects if that fails; the thread is gone in any case. */
  async close(): Promise<void> {
    try {
      if (this.#failure === undefined) await this.request({ method: 'close' })
    } finally {
      await this.#stop()
    }
  }

  async #reply(id: number, onProgress?: (progress: WarmUpProgress) => void): Promise<unknown> {
    this.#worker.ref()
    try {
      return await new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject, onProgress }))
    } finally {
      this.#waiting.delete(id)
      if (this.#waiting.size === 0) this.#worker.unref()
    }
  }

  #replied(reply: WorkerReply): void {
    const waiting = this.#waiting.get(reply.id)
    if ('error' in reply) waiting?.reject(fromThrownValue(reply.error))
    else waiting?.resolve(reply.value)
  }

  #fail(reason: string, cause?: unknown): void {
    this.#failure ??= new HostGoneError(reason, cause)
    // Nobody waits for this: a later host removes what is left.
    removeSocketDirectory(this.#directory).catch(() => undefined)
    for (const { reject } of this.#waiting.values()) reject(this.#failure)
  }

  async #stop(): Promise<void> {
    await this.#worker.terminate()
    await removeSocketDirectory(this.#directory)
  }
}

/**
 * The thread inherits Node's own arguments, a TypeScript loader for instance. But a program run with `--eval` and
 * `--input-type` has an argument with which no file can be started.
 */
function threadArguments(): { execArgv?: string[] } {
  return process.execArgv.some((argument) => argument.startsWith('--input-type')) ? { execArgv: [] } : {}
}
