import { expect, test } from 'vitest'
import { mapLimited } from '#src/catalog/map-limited.js'

test('the results are in the order of the items, however long each takes', async () => {
  const slowFirst = async (item: number) => {
    for (let turn = item; turn < 5; turn++) await Promise.resolve()
    return item * 10
  }
  expect(await mapLimited([1, 2, 3, 4], 3, slowFirst)).toEqual([10, 20, 30, 40])
})

test('works on no more items at a time than allowed', async () => {
  let working = 0
  let most = 0
  await mapLimited(Array.from({ length: 20 }), 4, async () => {
    working += 1
    most = Math.max(most, working)
    await new Promise(setImmediate)
    working -= 1
  })
  expect(most).toBe(4)
})

test('after the first failure nothing more is started', async () => {
  const started: number[] = []
  const failing = mapLimited([1, 2, 3, 4, 5, 6, 7, 8], 2, async (item) => {
    started.push(item)
    await new Promise(setImmediate)
    if (item >= 3) throw new Error(`item ${item}`)
  })
  await expect(failing).rejects.toThrow('item 3')
  // By now others would have been started.
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
  expect(started).toEqual([1, 2, 3, 4])
})
