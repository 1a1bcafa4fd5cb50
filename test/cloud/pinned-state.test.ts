import { expect, test } from 'vitest'
import { fork } from '#src/cloud/fork.js'
import { realSystem } from '#src/env/system.js'
import { standAloneAt } from '#src/operations/stand-alone.js'
import { DatedStore } from '../support/dated-store.js'
import { cloneTo, day, hour, machine } from '../support/forks.js'
import { newStore, withFaults } from '../support/scripted-rocksdb.js'

test('a past state of a clone begins no fork once its source is free to delete the tables of it', async () => {
  const dated = new DatedStore(newStore().store)
  const { store } = dated
  const source = await (await machine(store)).database().open()
  const table = await source.flush(Buffer.from('one'))
  await source.close()
  await cloneTo(store, 'clone')
  const keeping = { deletionDelayMs: 7 * day }
  const clone = await (await machine(store, keeping)).database('clone').open()
  dated.advance(hour)
  await clone.flush(Buffer.from('two'))
  const then = new Date((await store.head('clone/CLOUDMANIFEST')).lastModified.getTime() + hour)
  dated.advance(hour)
  await clone.drop(table)
  await clone.close()
  const target = { store, path: 'clone' }
  const openPlace = async (url: string) => ({ store, path: url.slice(`${store.url}/`.length) })
  // It lets the pin at the source expire.
  await standAloneAt({ places: [target], openPlace }, {})
  const deps = { ...realSystem, openPlace }
  const branch = async (newCookie: string) =>
    fork({ places: [target], cookie: '', target, newCookie, at: then }, deps)
  dated.advance(hour)
  await branch('soon')
  dated.advance(2 * day)
  await expect(branch('late')).rejects.toMatchObject({ code: 'NotFound' })
})

test('an opening that begins a branch gives up before its pin expires, also if it was suspended early', async () => {
  const { store } = newStore()
  const main = await (await machine(store)).database().open()
  await main.flush(Buffer.from('one'))
  await main.close()
  let pass = (_ms: number) => {}
  const suspended = withFaults(store, {
    put: async (key, body, options) => {
      if (key.startsWith('db/CLOUDPIN-') || key.startsWith('db/MANIFEST-')) pass(11 * hour)
      return store.put(key, body, options)
    },
  })
  const here = await machine(suspended, { newCookie: 'b' })
  pass = (ms) => here.clock.advance(ms)
  await expect(here.database().open()).rejects.toMatchObject({ code: 'Busy' })
})
