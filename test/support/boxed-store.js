/** A module of a user's: `boxed://name` is a directory of that name, in the one that its option names. */
import { join } from 'node:path'
import { DirectoryStore } from '#src/store/directory-store.js'

export function openStore(url, { directory }) {
  const { hostname, pathname } = new URL(url)
  const store = new DirectoryStore({ directory: join(directory, hostname, decodeURIComponent(pathname)) })
  return Object.assign(store, { url })
}
