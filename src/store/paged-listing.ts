import type { ListOptions, ObjectInfo, ObjectStore } from './object-store.js'

/** As many as a page of S3's has. */
const pageObjects = 1000

export interface ListedPage {
  readonly objects: readonly ObjectInfo[]
  readonly isLast: boolean
}

/** A listing under way in the store. */
interface Running {
  readonly objects: AsyncIterator<ObjectInfo>
  readonly ends: AbortController
  /** Sizes of the objects left out since the last page. */
  readonly leftOut: number[]
}

/**
 * A listing taken page by page. After a failure the next page comes from a new listing of the store, which begins where
 * the last page ended.
 */
export class PagedListing {
  readonly #store: ObjectStore
  readonly #prefix: string
  readonly #options: ListOptions
  #startAfter: string | undefined
  #running: Running | undefined

  constructor(store: ObjectStore, prefix: string, options: ListOptions) {
    this.#store = store
    this.#prefix = prefix
    this.#options = options
    this.#startAfter = options.startAfter
  }

  /** @param signal ends this page, and the store's listing with it. */
  async page(signal: AbortSignal): Promise<ListedPage> {
    this.#running ??= this.#begin()
    const running = this.#running
    const abort = () => this.#drop(running, signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    try {
      const page = await take(running.objects, signal)
      this.#startAfter = page.objects.at(-1)?.key ?? this.#startAfter
      for (const bytes of running.leftOut.splice(0)) this.#options.onLeftOut?.(bytes)
      return page
    } catch (error) {
      this.#drop(running, error)
      throw error
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /** Lets the store's listing go. */
  async end(): Promise<void> {
    await this.#running?.objects.return?.()
  }

  #begin(): Running {
    const ends = new AbortController()
    const leftOut: number[] = []
    const { shallow, onLeftOut } = this.#options
    const listed = this.#store.list(this.#prefix, {
      ...(shallow !== undefined && { shallow }),
      ...(this.#startAfter !== undefined && { startAfter: this.#startAfter }),
      ...(onLeftOut && { onLeftOut: (bytes: number) => leftOut.push(bytes) }),
      signal: ends.signal,
    })
    return { objects: listed[Symbol.asyncIterator](), ends, leftOut }
  }

  /** A store that ignores its signal may go on with this one, beside the next. */
  #drop(running: Running, reason: unknown): void {
    if (this.#running === running) this.#running = undefined
    running.ends.abort(reason)
  }
}

async function take(objects: AsyncIterator<ObjectInfo>, signal: AbortSignal): Promise<ListedPage> {
  const page: ObjectInfo[] = []
  while (page.length < pageObjects) {
    const { done, value } = await objects.next()
    signal.throwIfAborted()
    if (done) return { objects: page, isLast: true }
    page.push(value)
  }
  return { objects: page, isLast: false }
}
