import { expect, test } from 'vitest'
import { findState } from '#src/catalog/find-state.js'
import { recordedSources } from '#src/catalog/sources.js'
import type { CloudEnvOptions } from '#src/cloud/cloud-env-options.js'
import { EnvError } from '#src/env/env-error.js'
import { standAloneAt } from '#src/operations/stand-alone.js'
import { DatedStore } from '../support/dated-store.js'
import {
  cloneTo,
  collectIn,
  day,
  hour,
  machine,
  namesBelow,
  openPlaceIn,
  pinsOf,
  tablesOf,
} from '../support/forks.js'
import { leaveUnchecked } from '../support/left-stores.js'
import { newStore, withFaults } from '../support/scripted-rocksdb.js'

/** A clone that dropped the only table that it shared, and was opened again since. */
async function cloneWithoutSource(options: Partial<CloudEnvOptions> = {}) {
  const dated = new DatedStore(newStore().store)
  const { store } = dated
  const source = await (await machine(store)).database().open()
  const table = await source.flush(Buffer.from('shared'))
  await cloneTo(store, 'clone')
  const here = await machine(store, options)
  const open = async () => await here.database('clone').open()
  const clone = await open()
  const dropped = new Date(dated.advance(hour / 2))
  dated.advance(1000)
  await clone.drop(table)
  await clone.close()
  const openPlace = openPlaceIn(store)
  return {
    dated,
    store,
    source,
    table,
    dropped,
    open,
    reopen: async () => await (await open()).close(),
    placeAt: async (time: Date) => {
      const { files } = await findState([{ store, path: 'clone' }], '', time, openPlace)
      return files.get(table)?.place.path
    },
    sources: async () => recordedSources(await store.head('clone/CLOUDMANIFEST')),
  }
}

test('a past state of a clone reads at a source that the present one does not need, as long as it is kept', async () => {
  const { dated, dropped, source, reopen, placeAt, sources } = await cloneWithoutSource()
  await reopen()
  expect(await placeAt(dropped)).toBe('db')
  dated.advance(hour)
  await reopen()
  expect(await placeAt(dropped)).toBe('db')
  dated.advance(1)
  await reopen()
  await reopen()
  expect(await sources()).toEqual([])
  await source.close()
})

test('a source keeps what past states of a clone need for as long as the retention of the clone', async () => {
  const { dated, store, dropped, source, table, reopen, placeAt } = await cloneWithoutSource({
    retentionDays: 30,
  })
  await reopen()
  await source.drop(table)
  await source.close()
  dated.advance(30 * day - 1000)
  await collectIn(store)
  expect(await placeAt(dropped)).toBe('db')
  dated.advance(1001)
  await collectIn(store)
  expect(await tablesOf(store, 'db')).toEqual([])
})

test('a table that a clone comes to need at a source again is pinned there again', async () => {
  const dated = new DatedStore(newStore().store)
  const { store } = dated
  const source = await (await machine(store)).database().open()
  const table = await source.flush(Buffer.from('shared'))
  await cloneTo(store, 'clone')
  const here = await machine(store)
  const openPlace = openPlaceIn(store)
  await (await here.database('clone').open()).close()
  await standAloneAt({ places: [{ store, path: 'clone' }], openPlace }, {})
  await (await here.database('clone').open()).close()
  const copies = (await namesBelow(store, 'clone')).filter((name) => name.startsWith(table))
  await store.deleteMany(copies.map((name) => `clone/${name}`))

  await (await here.database('clone').open()).close()
  await source.drop(table)
  await source.close()
  dated.advance(2 * day)
  await collectIn(store)
  const [first, ...others] = await pinsOf(store, 'db')
  expect([first, others], 'the pin before it has expired').toEqual([expect.anything(), []])
  const there = await (await machine(store)).database('clone').open()
  expect((await there.read(table, 0, 6)).toString()).toBe('shared')
  await there.close()
})

test('a source that a clone forgets while it is out of reach keeps its pin, and a warning says so once', async () => {
  const { dated, store, source, reopen } = await cloneWithoutSource()
  const away = withFaults(store, {
    put: async (key, body, options) => {
      if (key.startsWith('db/')) throw new EnvError('IOError', 'db is read-only')
      return store.put(key, body, options)
    },
  })
  const there = await machine(away)
  const open = async () => await (await there.database('clone').open()).close()
  await open()
  dated.advance(2 * hour)
  await open()
  expect(there.warnings).toEqual([])
  await open()
  await reopen()
  const [pin] = await pinsOf(store, 'db')
  expect(there.warnings).toEqual([expect.stringContaining(`db/${pin}`)])
  await source.close()
})

test('a retention without end is one', async () => {
  const { store, reopen, sources } = await cloneWithoutSource({ deletionDelayMs: Number.MAX_SAFE_INTEGER })
  await reopen()
  expect(await sources()).toMatchObject([{ until: '+275760-09-13T00:00:00.000Z' }])
  leaveUnchecked(store.url, 'its source is open')
})
