import assert from 'node:assert/strict'
import { PreconditionFailed, type PutOptions } from '../store/object-store.js'
import { assertConditionalPuts } from '../store/probe-conditional.js'
import { assertConditionFails, bytes, type Claims, keysOf, textOf } from './claim.js'

export const conditionalWriteClaims: Claims = {
  'a conditional write for an absent object happens once': async ({ store }) => {
    const { etag } = await store.put('key', bytes('1'), { condition: 'absent' })
    await assertConditionFails(store.put('key', bytes('2'), { condition: 'absent' }))
    assert.equal((await store.head('key')).etag, etag)
    assert.equal(await textOf(store, 'key'), '1')
  },

  'a conditional write for an ETag happens while the object has it': async ({ store }) => {
    const first = await store.put('key', bytes('1'))
    const second = await store.put('key', bytes('2'), { condition: first })
    await assertConditionFails(store.put('key', bytes('3'), { condition: first }))
    assert.equal(await textOf(store, 'key'), '2')
    await store.put('key', bytes('3'), { condition: { etag: (await store.head('key')).etag } })
    await assertConditionFails(store.put('key', bytes('4'), { condition: second }))
  },

  'a conditional write for the ETag of an object that is gone does not happen': async ({ store }) => {
    const condition = await store.put('key', bytes('1'))
    await store.deleteMany(['key'])
    await assertConditionFails(store.put('key', bytes('2'), { condition }))
    assert.deepEqual(await keysOf(store), [])
  },

  'a conditional write keeps the metadata that it came with': async ({ store }) => {
    await store.put('key', bytes('1'), { condition: 'absent', metadata: { writer: 'me' } })
    assert.deepEqual((await store.head('key')).metadata, { writer: 'me' })
  },

  'a conditional write is won by exactly one of many': async ({ store, reopen }) => {
    const other = await reopen()
    let condition: NonNullable<PutOptions['condition']> = 'absent'
    for (let round = 0; round < 5; round++) {
      const nameOf = (index: number) => `round ${round}, writer ${index}`
      const writes = Array.from({ length: 20 }, (_, index) =>
        (index % 2 ? store : other).put('race', bytes(nameOf(index)), { condition }),
      )
      const results = await Promise.allSettled(writes)
      const winners = results.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []))
      assert.equal(winners.length, 1, `${winners.length} of 20 writes under one condition succeeded`)
      for (const result of results)
        if (result.status === 'rejected') await assertConditionFails(Promise.reject(result.reason))
      assert.equal(await textOf(store, 'race'), nameOf(winners[0]!))
      condition = { etag: (await store.head('race')).etag }
    }
  },

  'conditional writes make a counter that loses no increment': async ({ store }) => {
    await store.put('counter', bytes('0'))
    const increment = async () => {
      for (let attempt = 0; attempt < 1_000; attempt++) {
        const { body, etag } = await store.get('counter')
        const next = bytes(String(Number(Buffer.from(body).toString()) + 1))
        try {
          return await store.put('counter', next, { condition: { etag } })
        } catch (error) {
          if (!(error instanceof PreconditionFailed)) throw error
        }
      }
      return assert.fail('no write under the ETag that was just read succeeds')
    }
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let round = 0; round < 3; round++) await increment()
      }),
    )
    assert.equal(await textOf(store, 'counter'), '24')
  },

  'conditional writes pass the probe of a new database, which leaves nothing behind': async ({ store }) => {
    await assertConditionalPuts(store)
    await assertConditionalPuts(store, 'some/path')
    assert.deepEqual(await keysOf(store), [])
  },
}
