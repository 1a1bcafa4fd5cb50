import type { ObjectInfo, ObjectKey, ObjectStore } from '#src/store/object-store.js'
import { withFaults } from './scripted-rocksdb.js'

/** A store whose clock a test sets, independently of the machines. */
export class DatedStore {
  readonly store: ObjectStore
  readonly #written = new Map<ObjectKey, Date>()
  #now = new Date('2040-06-01T00:00:00Z').getTime()

  constructor(store: ObjectStore) {
    const dated = <T extends ObjectInfo>(object: T): T => ({
      ...object,
      lastModified: this.#written.get(object.key) ?? object.lastModified,
    })
    this.store = withFaults(store, {
      get: async (key, range) => dated(await store.get(key, range)),
      head: async (key) => dated(await store.head(key)),
      put: async (key, body, options) => {
        const result = await store.put(key, body, options)
        this.#written.set(key, new Date(this.#now))
        return result
      },
      async *list(prefix, options) {
        for await (const object of store.list(prefix, options)) yield dated(object)
      },
    })
  }

  /** @returns the new time. */
  advance(ms: number): number {
    this.#now += ms
    return this.#now
  }
}
