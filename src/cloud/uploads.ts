import pLimit from 'p-limit'
import { type EnvError, toEnvError } from '../env/env-error.js'

/** Four streams of 1 MiB pieces saturate one Node thread; more only add memory. */
const maxConcurrentUploads = 4

/** Puts one sealed local file into the store. Gives up when `signal` is aborted. */
export type UploadFile = (name: string, signal: AbortSignal) => Promise<void>

/**
 * The sealed files of one database that are on their way into the store. Each starts at once; whoever
 * makes a file visible waits for {@link settled} first. A failed one is tried anew by each such wait, which is how
 * RocksDB's own recovery from a retryable error gets it there in the end.
 */
export class Uploads {
  readonly #upload: UploadFile
  readonly #limit = pLimit(maxConcurrentUploads)
  readonly #pending = new Map<string, Upload>()

  constructor(upload: UploadFile) {
    this.#upload = upload
  }

  get size(): number {
    return this.#pending.size
  }

  start(name: string): void {
    if (!this.#pending.has(name)) this.#begin(name)
  }

  /** The file was deleted before it got there. Resolves when nothing reads it any more. */
  async cancel(name: string): Promise<void> {
    const upload = this.#pending.get(name)
    if (!upload) return
    this.#pending.delete(name)
    upload.abort.abort()
    await upload.outcome
  }

  /**
   * Resolves when every file that was started before is in the store.
   * @throws EnvError, retryable where the store may come back: the first file that did not get there.
   */
  async settled(): Promise<void> {
    for (const [name, upload] of this.#pending) if (upload.failure) this.#begin(name)
    for (const upload of [...this.#pending.values()]) {
      const failure = await upload.outcome
      if (failure) throw failure
    }
  }

  /** Waits for what is under way, however it ends. */
  async drained(): Promise<void> {
    await Promise.all([...this.#pending.values()].map((upload) => upload.outcome))
  }

  #begin(name: string): void {
    const abort = new AbortController()
    const upload: Upload = { abort, failure: undefined, outcome: Promise.resolve(undefined) }
    upload.outcome = this.#limit(() => this.#upload(name, abort.signal)).then(
      () => {
        if (this.#pending.get(name) === upload) this.#pending.delete(name)
        return undefined
      },
      (error: unknown) => {
        if (abort.signal.aborted) return undefined
        upload.failure = toEnvError(error, `upload of ${name}`)
        return upload.failure
      },
    )
    this.#pending.set(name, upload)
  }
}

interface Upload {
  readonly abort: AbortController
  failure: EnvError | undefined
  /** Never rejects: the failure, or undefined when the file is in the store or was cancelled. */
  outcome: Promise<EnvError | undefined>
}
