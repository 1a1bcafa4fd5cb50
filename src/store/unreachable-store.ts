import type { EnvError } from '../env/env-error.js'
import type { ObjectStore } from './object-store.js'

/** A store that can't be opened: each request to it fails with the reason. */
export function unreachableStore(url: string, reason: EnvError): ObjectStore {
  const fail = async () => {
    throw reason
  }
  return {
    url,
    get: fail,
    head: fail,
    put: fail,
    list: () => ({ [Symbol.asyncIterator]: () => ({ next: fail }) }),
    copy: fail,
    deleteMany: fail,
    close: async () => {},
  }
}
