/** Work that ends when it is aborted: by its caller's signal, or by {@link abort}. */
export class Abortable {
  readonly #controller = new AbortController()
  readonly #parent: AbortSignal | undefined

  constructor(parent?: AbortSignal) {
    this.#parent = parent
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason)
  }

  /** Settles as `action` does, or rejects with the reason as soon as it is aborted, even if `action` ignores that. */
  async untilAborted<T>(action: () => Promise<T>): Promise<T> {
    const follow = () => this.abort(this.#parent?.reason)
    if (this.#parent?.aborted) follow()
    this.#parent?.addEventListener('abort', follow, { once: true })
    const { promise: aborted, reject } = withRejection()
    const fail = () => reject(this.signal.reason)
    this.signal.addEventListener('abort', fail, { once: true })
    try {
      this.signal.throwIfAborted()
      return await Promise.race([aborted, action()])
    } catch (error) {
      // The SDK drops the abort reason.
      throw this.signal.aborted ? this.signal.reason : error
    } finally {
      this.signal.removeEventListener('abort', fail)
      this.#parent?.removeEventListener('abort', follow)
    }
  }
}

/** A promise whose rejection may go unhandled. */
function withRejection(): { readonly promise: Promise<never>; reject(reason: unknown): void } {
  let reject!: (reason: unknown) => void
  const promise = new Promise<never>((_, fail) => {
    reject = fail
  })
  promise.catch(() => {})
  return { promise, reject }
}
