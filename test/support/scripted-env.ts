import { DelegatingEnv } from '#src/env/delegating-env.js'
import type { Env } from '#src/env/env.js'
import { createMemoryEnv } from '#src/env/memory-env.js'

/** An in-memory Env, some methods of which the test plays itself. */
export function scriptedEnv(methods: Partial<Env>): Env {
  return Object.assign(new DelegatingEnv(createMemoryEnv()), methods)
}

/** A promise that the test settles. */
export function deferred<T = void>() {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}
