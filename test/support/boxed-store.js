/** A module of a user's: `boxed://name` is a directory of that name, in the one that its option names. */
import { join } from 'node:path'
import { Throttled } from 'rocksdb-cloud-env'
import { DirectoryStore } from '#src/store/directory-store.js'

/** With `throttledLists`, it asks for fewer requests so many times. */
export function openStore(url, { directory, throttledLists = 0 }) {
  const { hostname, pathname } = new URL(url)
  const store = new DirectoryStore({ directory: join(directory, hostname, decodeURIComponent(pathname)) })
  const list = store.list.bind(store)
  let left = throttledLists
  const throttled = (...args) => {
    if (left-- > 0) throw new Throttled(`list ${url}: not so fast`)
    return list(...args)
  }
  return Object.assign(store, { url, list: throttled })
}
