import { createHash } from 'node:crypto'
import { EnvError } from '#src/env/env-error.js'
import type { ListOptions, ObjectInfo, ObjectStore } from '#src/store/object-store.js'

/**
 * A store in memory, to be read only, and what was asked of it. Every object was written in 2026, on its own day, in
 * the order in which they were set.
 */
export class StoredObjects {
  readonly #bodies = new Map<string, Uint8Array>()
  readonly #days = new Map<string, number>()
  readonly #metadata = new Map<string, Readonly<Record<string, string>>>()
  /** `GET CLOUDMANIFEST`, `LIST db/`. */
  readonly requests: string[] = []
  /** Called before each request is answered. */
  onRequest: (request: string) => void = () => {}

  constructor(objects: Readonly<Record<string, Uint8Array | string>> = {}) {
    for (const [key, body] of Object.entries(objects)) this.set(key, body)
  }

  set(key: string, body: Uint8Array | string, metadata: Readonly<Record<string, string>> = {}): void {
    this.#bodies.set(key, Buffer.from(body))
    this.#metadata.set(key, metadata)
    if (!this.#days.has(key)) this.#days.set(key, 1 + this.#days.size)
  }

  delete(key: string): void {
    this.#bodies.delete(key)
  }

  get store(): ObjectStore {
    const infoOf = (key: string, body: Uint8Array): ObjectInfo => ({
      key,
      size: body.length,
      etag: createHash('md5').update(body).digest('hex'),
      lastModified: new Date(Date.UTC(2026, 0, this.#days.get(key)!)),
      metadata: this.#metadata.get(key) ?? {},
    })
    const found = (request: string, key: string) => {
      this.#tell(`${request} ${key}`)
      const body = this.#bodies.get(key)
      if (!body) throw new EnvError('NotFound', `there is no ${key}`)
      return body
    }
    const refuse = () => Promise.reject(new Error('this store is only read'))
    return {
      url: 'memory://bucket',
      get: async (key, range) => {
        const body = found('GET', key)
        const { offset = 0, length = body.length } = range ?? {}
        return { ...infoOf(key, body), body: body.subarray(offset, offset + length) }
      },
      head: async (key) => infoOf(key, found('HEAD', key)),
      list: (prefix, options = {}) => this.#list(prefix, options, infoOf),
      put: refuse,
      copy: refuse,
      deleteMany: refuse,
      close: async () => {},
    }
  }

  async *#list(
    prefix: string,
    { shallow = false, startAfter = '' }: ListOptions,
    infoOf: (key: string, body: Uint8Array) => ObjectInfo,
  ) {
    this.#tell(`LIST ${prefix}`)
    for (const [key, body] of [...this.#bodies].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (key > startAfter && key.startsWith(prefix) && !(shallow && key.slice(prefix.length).includes('/')))
        yield infoOf(key, body)
    }
  }

  #tell(request: string): void {
    this.requests.push(request)
    this.onRequest(request)
  }
}
