import { expect, onTestFinished, test } from 'vitest'
import { openStore } from '#src/store/open-store.js'
import { rangedObject } from '#src/table/ranged-source.js'
import { mainTestStores } from '../support/test-stores.js'

const mib = 2 ** 20

/** An object of so many bytes, each the number of its MiB, and the ranges of it that were fetched. */
async function numberedObject(size: number) {
  const store = mainTestStores()[0]!.make()
  const content = Buffer.alloc(size)
  for (let at = 0; at < size; at += mib) content.fill(at / mib, at, at + mib)
  await store.put('object', content)
  const opened = await openStore(store.url())
  onTestFinished(() => opened.close())
  const fetched: [offset: number, length: number][] = []
  const counting = Object.create(opened, {
    url: { value: opened.url },
    get: {
      value: (...[key, range]: Parameters<typeof opened.get>) => {
        fetched.push([range!.offset, range!.length])
        return opened.get(key, range)
      },
    },
  })
  return { source: rangedObject({ store: counting, path: '' }, 'object', size), fetched }
}

test('small reads here and there are served from what is held', async () => {
  const { source, fetched } = await numberedObject(3 * mib)
  for (let turn = 0; turn < 3; turn++) {
    expect([...(await source.read(0, 2))]).toEqual([0, 0])
    expect([...(await source.read(2 * mib - 1, 2))]).toEqual([1, 2])
  }
  expect(fetched).toEqual([
    [0, 2],
    [2 * mib - 1, 2],
  ])
})

test('of a large read alone is held, and no longer than until the next', async () => {
  const { source, fetched } = await numberedObject(8 * mib)
  await source.read(0, 2)
  const large = await source.read(2 * mib, 3 * mib)
  expect([large[0], large.at(-1)]).toEqual([2, 4])
  await source.read(3 * mib, 2)
  expect(fetched).toEqual([
    [0, 2],
    [2 * mib, 3 * mib],
  ])
  await source.read(0, 2)
  await source.read(3 * mib, 2)
  expect(fetched.slice(2)).toEqual([
    [0, 2],
    [3 * mib, 2],
  ])
})
