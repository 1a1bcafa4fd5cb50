import { expect, test } from 'vitest'
import { standAlone } from '#src/operations/stand-alone.js'
import { cloneTo, machine, pinsOf } from '../support/forks.js'
import { newStore } from '../support/scripted-rocksdb.js'

test('the source of a clone is reached by options of its own', async () => {
  const { store } = newStore()
  const source = await (await machine(store)).database().open()
  await source.flush(Buffer.from('one'))
  await source.close()
  await cloneTo(store, 'clone')
  const options = { source: `${store.url}/db`, sourceStore: { region: 'eu-west-1' } }
  // The error tells which options belong to which store: a directory takes none.
  await expect(standAlone(`${store.url}/clone`, options)).rejects.toThrow(
    'expected "region" with a store in S3',
  )
  await standAlone(`${store.url}/clone`, { ...options, sourceStore: {} })
  expect(await pinsOf(store, 'db')).toHaveLength(1)
})
