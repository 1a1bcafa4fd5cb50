// Operations whose process dies before or after any of its writes. Repeated, each ends where an unbroken one does.
import { randomUUID } from 'node:crypto'
import { cp } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { checkpointCookie } from '#src/catalog/checkpoint.js'
import type { DatabasePlace } from '#src/catalog/database-place.js'
import { readView } from '#src/catalog/database-view.js'
import { isInRegistry } from '#src/catalog/registry.js'
import { recordedSources } from '#src/catalog/sources.js'
import type { CloudEnvOptions } from '#src/cloud/cloud-env-options.js'
import { fork } from '#src/cloud/fork.js'
import { unlessNotFound } from '#src/env/env-error.js'
import { realSystem } from '#src/env/system.js'
import { removeBranchAt } from '#src/operations/branches.js'
import { standAloneAt } from '#src/operations/stand-alone.js'
import type { ObjectStore, StoredObject } from '#src/store/object-store.js'
import { openStore } from '#src/store/open-store.js'
import { assertFormat } from '../support/assert-format.js'
import { DatedStore } from '../support/dated-store.js'
import { type Death, dyingStore } from '../support/dying-store.js'
import { collectIn, day, hour } from '../support/forks.js'
import { newRoot } from '../support/machine.js'
import { memoryStore } from '../support/memory-store.js'
import { placeIn, ScriptedMachine } from '../support/scripted-rocksdb.js'

/** A database at `db` on a machine, with what an operation needs beside it. */
interface Stage {
  readonly dated: DatedStore
  readonly store: ObjectStore
  /** Directory of the machine of its owner. */
  readonly root: string
}

/** A database with two tables, one that its owner dropped, a log, and the MANIFEST of an earlier epoch. */
async function database(): Promise<Stage> {
  const dated = new DatedStore(await openStore(`memory://${randomUUID()}`, memoryStore))
  const { store } = dated
  const machine = await machineOn(store)
  const db = await machine.database().open()
  const dropped = await db.flush(Buffer.from('dropped'))
  for (const content of ['one', 'two']) await db.flush(Buffer.from(content))
  await db.drop(dropped)
  await db.close()
  await db.open()
  await db.log('acknowledged')
  await db.close()
  return { dated, store, root: machine.root }
}

function machineOn(store: ObjectStore, options: Partial<CloudEnvOptions> = {}): Promise<ScriptedMachine> {
  return ScriptedMachine.start(store, { ...memoryStore, deletionDelayMs: hour, ...options })
}

function placeAt(store: ObjectStore, path: string): DatabasePlace {
  return { store, path }
}

function openPlaceIn(store: ObjectStore) {
  return async (url: string) => placeIn(store, url)
}

async function forkTo(store: ObjectStore, from: string, path: string, newCookie: string): Promise<void> {
  const request = {
    places: [placeAt(store, from)] as const,
    cookie: '',
    target: placeAt(store, path),
    newCookie,
  }
  await fork(request, { ...realSystem, openPlace: openPlaceIn(store) })
}

async function destroy(store: ObjectStore, root: string, path: string, cookie = ''): Promise<void> {
  await (await machineOn(store, { root, cookie })).database(path).destroy()
}

async function collect(store: ObjectStore, path: string): Promise<void> {
  await collectIn(store, { path })
}

/** A clone with a table of its own, on the machine of the database. */
async function cloned(): Promise<Stage> {
  const stage = await database()
  await forkTo(stage.store, 'db', 'clone', '')
  const { root } = stage
  const clone = await (await machineOn(stage.store, { root })).database('clone').open()
  await clone.flush(Buffer.from('three'))
  await clone.close()
  return stage
}

async function branched(from: () => Promise<Stage>, path: string, cookie: string): Promise<Stage> {
  const stage = await from()
  await forkTo(stage.store, path, path, cookie)
  return stage
}

/** A branch, on the machine of its owner. */
async function openedBranch(): Promise<Stage> {
  const stage = await branched(database, 'db', 'b')
  const machine = await machineOn(stage.store, { cookie: 'b' })
  const branch = await machine.database().open()
  await branch.flush(Buffer.from('of the branch'))
  await branch.close()
  return { ...stage, root: machine.root }
}

async function withGarbage(): Promise<Stage> {
  const stage = await branched(cloned, 'db', 'b')
  await stage.store.put('db/000099.sst-0123456789abcdef', Buffer.from('lost'))
  await removeBranchAt(placeAt(stage.store, 'db'), 'b', openPlaceIn(stage.store))
  return stage
}

interface Operation {
  readonly name: string
  readonly prepare: () => Promise<Stage>
  readonly perform: (stage: Stage, store: ObjectStore) => Promise<unknown>
  /** Answer to a repetition that has nothing left to do. Default: it succeeds. */
  readonly done?: RegExp
}

const operations: readonly Operation[] = [
  {
    name: 'making a branch',
    prepare: database,
    perform: (_, store) => forkTo(store, 'db', 'db', 'b'),
    done: /has a CLOUDMANIFEST-b already/,
  },
  {
    name: 'making a checkpoint',
    prepare: database,
    perform: (_, store) => forkTo(store, 'db', 'db', checkpointCookie('monday')),
    done: /has a CLOUDMANIFEST-checkpoint-monday already/,
  },
  {
    name: 'making a clone',
    prepare: database,
    perform: (_, store) => forkTo(store, 'db', 'clone', ''),
    done: /clone has a database already/,
  },
  {
    name: 'making a branch of a clone',
    prepare: cloned,
    perform: (_, store) => forkTo(store, 'clone', 'clone', 'b'),
    done: /has a CLOUDMANIFEST-b already/,
  },
  {
    name: 'removing a branch',
    prepare: () => branched(database, 'db', 'b'),
    perform: (_, store) => removeBranchAt(placeAt(store, 'db'), 'b', openPlaceIn(store)),
    done: /has no branch "b"/,
  },
  {
    name: 'removing a checkpoint',
    prepare: () => branched(database, 'db', checkpointCookie('monday')),
    perform: (_, store) =>
      removeBranchAt(placeAt(store, 'db'), checkpointCookie('monday'), openPlaceIn(store)),
    done: /has no checkpoint "monday"/,
  },
  {
    name: 'removing a branch of a clone',
    prepare: () => branched(cloned, 'clone', 'b'),
    perform: (_, store) => removeBranchAt(placeAt(store, 'clone'), 'b', openPlaceIn(store)),
    done: /has no branch "b"/,
  },
  {
    name: 'a savepoint',
    prepare: cloned,
    perform: (_, store) =>
      standAloneAt({ places: [placeAt(store, 'clone')], openPlace: openPlaceIn(store) }, {}),
  },
  {
    name: 'a collection of garbage',
    prepare: withGarbage,
    perform: ({ dated }, store) => {
      dated.advance(3 * day)
      return collect(store, 'db')
    },
  },
  {
    name: 'destroying a database',
    prepare: database,
    perform: ({ root }, store) => destroy(store, root, 'db'),
  },
  {
    name: 'destroying a clone',
    prepare: cloned,
    perform: ({ root }, store) => destroy(store, root, 'clone'),
  },
  {
    name: 'destroying a database that has a branch',
    prepare: () => branched(database, 'db', 'b'),
    perform: ({ root }, store) => destroy(store, root, 'db'),
    done: /has no CLOUDMANIFEST, but a database under another cookie: "b"/,
  },
  {
    name: 'destroying a branch',
    prepare: openedBranch,
    perform: ({ root }, store) => destroy(store, root, 'db', 'b'),
    done: /has no CLOUDMANIFEST-b, but a database/,
  },
]

describe.each(operations)('$name, killed at any write and repeated', ({ prepare, perform, done }) => {
  test('leaves what an unbroken one leaves', async () => {
    const prepared = await prepare()
    const objects = await objectsIn(prepared.store)
    const begin = () => copyOf(prepared, objects)
    const unbroken = await begin()
    await perform(unbroken, unbroken.store)
    const expected = await shapeOf(unbroken)

    let deaths = 0
    for (const isBefore of [true, false])
      for (let atWrite = 1; ; atWrite++) {
        const stage = await begin()
        if (!(await isKilled(stage, { atWrite, isBefore }))) break
        deaths += 1
        await assertSound(stage)
        const refusal = await perform(stage, stage.store).then(
          () => undefined,
          (error: Error) => error.message,
        )
        const death = `killed ${isBefore ? 'before' : 'after'} write ${atWrite}`
        if (refusal !== undefined) expect(refusal, death).toMatch(done ?? /^nothing is refused/)
        expect(await shapeOf(stage), death).toEqual(expected)
      }
    expect(deaths).toBeGreaterThan(2)
  })

  async function isKilled(stage: Stage, death: Death): Promise<boolean> {
    const mortal = dyingStore(stage.store, death)
    const isKilled = await perform(stage, mortal).then(
      () => false,
      () => true,
    )
    await mortal.settled()
    return isKilled
  }
})

async function objectsIn(store: ObjectStore): Promise<readonly StoredObject[]> {
  const objects: StoredObject[] = []
  for await (const { key } of store.list('')) objects.push(await store.get(key))
  return objects
}

/** The stage as it was, in the same store, and with a copy of the machine's directory. */
async function copyOf(stage: Stage, objects: readonly StoredObject[]): Promise<Stage> {
  const { store } = stage
  await store.deleteMany((await objectsIn(store)).map(({ key }) => key))
  for (const { key, body, metadata } of objects) await store.put(key, body, { metadata })
  const root = newRoot()
  await cp(stage.root, root, { recursive: true })
  return { ...stage, root }
}

async function assertSound({ store }: Stage): Promise<void> {
  await assertFormat({ store, prefix: '', openSource: openPlaceIn(store) })
}

/**
 * Everything in the store once each database was opened for writing and all garbage is old enough and collected, with
 * the content of every state.
 */
async function shapeOf(stage: Stage): Promise<unknown> {
  const { dated, store } = stage
  for (const path of ['clone', 'db']) await openOnce(store, path)
  dated.advance(400 * day)
  for (const path of ['clone', 'db']) await collect(store, path)
  await assertSound(stage)
  const names: string[] = []
  const entries = new Set<string>()
  const contents: Record<string, readonly string[]> = {}
  const sources: Record<string, number> = {}
  for await (const { key } of store.list('')) {
    if (isInRegistry(key)) entries.add(await entryOf(store, key))
    else names.push(anonymous(key))
    const [, path, cookie = ''] = /^(\w+)\/CLOUDMANIFEST-?(.*)$/.exec(key) ?? []
    if (path === undefined) continue
    contents[key] = await contentsOf(placeAt(store, path), cookie)
    sources[key] = recordedSources(await store.head(key)).length
  }
  return { names: names.sort(), entries, contents, sources }
}

/** Opens the database for writing, if there is one: a clone gets an id then whose maker was killed before. */
async function openOnce(store: ObjectStore, path: string): Promise<void> {
  const exists = await unlessNotFound(store.head(`${path}/CLOUDMANIFEST`))
  if (exists) await (await (await machineOn(store)).database(path).open()).close()
}

/** Without what is random in a name. */
function anonymous(key: string): string {
  return key.replace(/-[0-9a-f]{16}$/, '-<random>')
}

/** A maker that is killed before it wrote the IDENTITY leaves an entry with an id that the database does not get. */
async function entryOf(store: ObjectStore, key: string): Promise<string> {
  const { dirname } = (await store.head(key)).metadata
  const identity = await unlessNotFound(store.get(`${dirname}/IDENTITY`))
  return identity ? `an entry of ${dirname}` : `an entry of ${dirname}, which is gone`
}

async function contentsOf(place: DatabasePlace, cookie: string): Promise<readonly string[]> {
  const view = await readView([place], cookie, openPlaceIn(place.store))
  const files = [...(view?.files ?? [])]
  const contents: string[] = []
  for (const [name, file] of files) {
    const { body } = await file.place.store.get(`${file.place.path}/${file.objectName}`)
    contents.push(`${name} in ${file.place.path}: ${Buffer.from(body)}`)
  }
  return contents.sort()
}
