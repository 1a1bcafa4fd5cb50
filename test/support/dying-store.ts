import type { ObjectStore } from '#src/store/object-store.js'

export class Died extends Error {}

/** When a process dies: at which of its writes to the store, before that or after it took effect. */
export interface Death {
  readonly atWrite: number
  readonly isBefore: boolean
}

/** {@link dyingStore} */
export interface DyingStore extends ObjectStore {
  /** Resolves when the store has done everything that the process had sent. */
  settled(): Promise<unknown>
}

/** The store as a process sees it that dies at one of its writes: that one, and everything after it, fails. */
export function dyingStore(store: ObjectStore, { atWrite, isBefore }: Death): DyingStore {
  let writes = 0
  const underWay: Promise<unknown>[] = []
  const assertAlive = () => {
    if (writes >= atWrite) throw new Died(`dead since write ${atWrite}`)
  }
  const write = async <T>(action: () => Promise<T>): Promise<T> => {
    assertAlive()
    writes += 1
    const isLast = writes === atWrite
    const done = isLast && isBefore ? undefined : action()
    underWay.push(Promise.allSettled([done]))
    const result = await done
    if (!isLast) return result as T
    throw new Died(`died at write ${atWrite}`)
  }
  return {
    url: store.url,
    get: async (...args) => {
      assertAlive()
      return store.get(...args)
    },
    head: async (...args) => {
      assertAlive()
      return store.head(...args)
    },
    list(...args) {
      assertAlive()
      return store.list(...args)
    },
    put: (...args) => write(() => store.put(...args)),
    copy: (...args) => write(() => store.copy(...args)),
    deleteMany: (...args) => write(() => store.deleteMany(...args)),
    close: async () => {},
    settled: () => Promise.all(underWay),
  }
}
