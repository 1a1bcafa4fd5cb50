/** A database at `db`, and its branches and clones, on machines whose owners keep tables for an hour. */
import type { CloudEnvOptions } from '#src/cloud/cloud-env-options.js'
import { type Collection, type CollectionOptions, collectGarbage } from '#src/cloud/collection.js'
import { type Fork, fork } from '#src/cloud/fork.js'
import type { StateSelector } from '#src/env/state-selector.js'
import { realSystem } from '#src/env/system.js'
import type { ObjectStore } from '#src/store/object-store.js'
import { ScriptedMachine } from './scripted-rocksdb.js'

export const hour = 3_600_000
export const day = 24 * hour

export async function machine(
  store: ObjectStore,
  options: Partial<CloudEnvOptions> = {},
): Promise<ScriptedMachine> {
  return ScriptedMachine.start(store, { deletionDelayMs: hour, ...options })
}

export async function namesBelow(store: ObjectStore, path: string): Promise<string[]> {
  const names: string[] = []
  for await (const { key } of store.list(`${path}/`)) names.push(key.slice(path.length + 1))
  return names
}

/** Names of table files: `000009.sst`. */
export async function tablesOf(store: ObjectStore, path: string): Promise<string[]> {
  return (await namesBelow(store, path))
    .filter((name) => name.includes('.sst-'))
    .map((name) => name.slice(0, 10))
}

export async function pinsOf(store: ObjectStore, path: string): Promise<string[]> {
  return (await namesBelow(store, path)).filter((name) => name.startsWith('CLOUDPIN-'))
}

/** Lets so much time pass that two rounds of deletions are due, and waits for them. */
export async function muchLater({ clock }: ScriptedMachine, store: ObjectStore): Promise<void> {
  for (let round = 0; round < 3; round++) {
    clock.advance(hour + 1000)
    // A round reads and deletes in a directory: some turns of the event loop.
    for (let turn = 0; turn < 20; turn++) await namesBelow(store, 'db')
  }
}

/** Branches the database at `db`: the line of history of a cookie, in its present state. */
export async function branchOf(store: ObjectStore, newCookie: string, cookie = ''): Promise<Fork> {
  const target = { store, path: 'db' }
  return fork({ places: [target], cookie, target, newCookie }, realSystem)
}

/** Clones the database at `db`: its present state, unless `at` selects another. */
export async function cloneTo(store: ObjectStore, path: string, at?: StateSelector): Promise<Fork> {
  const places = [{ store, path: 'db' }] as const
  const target = { store, path }
  return fork({ places, cookie: '', target, newCookie: '', ...(at !== undefined && { at }) }, realSystem)
}

/** Opens places in one store. */
export const openPlaceIn = (store: ObjectStore) => async (url: string) => ({
  store,
  path: url.slice(`${store.url}/`.length),
})

/** Collects the garbage of a database, `db` by default. */
export async function collectIn(
  store: ObjectStore,
  { path = 'db', ...options }: Partial<CollectionOptions> & { readonly path?: string } = {},
): Promise<Collection> {
  const { random } = realSystem
  const warn = () => {}
  return collectGarbage({ store, path }, { random, warn, openPlace: openPlaceIn(store), ...options })
}
