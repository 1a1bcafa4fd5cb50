import pLimit from 'p-limit'
import type { StoredFile } from '../catalog/stored-file.js'
import { EnvError, toEnvError } from '../env/env-error.js'
import type { Table, Tables } from './tables.js'

/** Four streams of 1 MiB pieces saturate one Node thread; more only add memory. */
const maxConcurrentUploads = 4

/** Puts one sealed local file into the store. Gives up when `signal` is aborted. */
export type UploadFile = (file: StoredFile, signal: AbortSignal) => Promise<void>

/**
 * Brings the sealed files of one database into the store. Each starts at once; anybody who makes a file visible waits
 * for {@link settled} first. Each such wait retries the failed ones, which is how RocksDB's own recovery from a
 * retryable error gets them there in the end.
 */
export class Uploads {
  readonly #tables: Tables
  readonly #upload: UploadFile
  readonly #limit = pLimit(maxConcurrentUploads)

  constructor(tables: Tables, upload: UploadFile) {
    this.#tables = tables
    this.#upload = upload
  }

  /** Begins to upload a sealed file, again if that failed. */
  start(table: Table): void {
    if (table.state === 'failed') this.#tables.on(table, 'retry')
    const abort = new AbortController()
    const { signal } = abort
    const { file } = table
    if (!file) throw new Error(`${table.key} was not sealed here`)
    let isUnderWay = false
    const perform = async () => {
      // A deletion that arrives late would take the new object with it.
      await table.deletion
      signal.throwIfAborted()
      this.#tables.on(table, 'start')
      isUnderWay = true
      await this.#upload(file, signal)
    }
    const outcome = this.#limit(perform).then(
      () => {
        this.#tables.on(table, 'arrive')
        return undefined
      },
      (error: unknown) => {
        if (isUnderWay) this.#tables.on(table, 'fail')
        return signal.aborted
          ? new EnvError('IOError', `the upload of ${file.objectName} was given up`, { retryable: true })
          : withRefusal(table, toEnvError(error, `upload of ${file.objectName}`))
      },
    )
    table.upload = { abort, outcome }
  }

  /** The file was deleted. Resolves when nothing reads it any more. */
  async cancel({ state, upload }: Table): Promise<void> {
    upload?.abort.abort()
    // One that waits for its turn reads nothing.
    if (state === 'cancelled') await upload?.outcome
  }

  /**
   * Resolves once every file that was sealed before is in the store.
   * @throws EnvError with the first file that did not get there; retryable if the store may come back.
   */
  async settled(): Promise<void> {
    const pending = [...this.#tables.pending]
    for (const table of pending) {
      if (table.state === 'failed') this.start(table)
    }
    for (const { upload } of pending) {
      const failure = await upload?.outcome
      if (failure) throw failure
    }
  }

  /** Resolves when the first upload under way has ended, with or without success; undefined if none is under way. */
  nextEnd(): Promise<unknown> | undefined {
    const underWay = [...this.#tables.pending].filter(({ state, upload }) => upload && state !== 'failed')
    return underWay.length === 0 ? undefined : Promise.race(underWay.map(({ upload }) => upload?.outcome))
  }

  /** Nothing will be made visible any more: ends the uploads under way. Resolves once no file is read any more. */
  async cancelAll(): Promise<void> {
    const uploads = [...this.#tables.pending].map(({ upload }) => upload)
    for (const upload of uploads) upload?.abort.abort()
    await Promise.all(uploads.map((upload) => upload?.outcome))
  }
}

/** An attempt that was ended before it had an answer says less than the answer to an earlier one. */
function withRefusal(table: Table, failure: EnvError): EnvError {
  if (failure.code !== 'TimedOut') table.refusal = failure
  if (table.refusal === undefined || table.refusal === failure) return failure
  const message = `${failure.message}. The attempt before: ${table.refusal.message}`
  return new EnvError('TimedOut', message, { retryable: failure.retryable, cause: table.refusal })
}
