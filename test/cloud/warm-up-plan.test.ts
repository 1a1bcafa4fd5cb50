import { describe, expect, test } from 'vitest'
import type { LiveBlobFile, LiveFamily, LiveTable, Manifest } from '#src/catalog/manifest.js'
import { planWarmUp } from '#src/cloud/warm-up-plan.js'

interface TestTable {
  readonly number: number
  readonly level: number
  /** Smallest and largest key. */
  readonly keys?: readonly [string, string]
  readonly family?: number
}

function manifest(
  tables: readonly TestTable[],
  blobFiles: readonly Pick<LiveBlobFile, 'number' | 'columnFamily'>[] = [],
  comparators: readonly (string | undefined)[] = [undefined, undefined],
): Manifest {
  const key = (text: string) => ({ userKey: Buffer.from(text), sequence: 1n, type: 1 })
  const families = comparators.map((comparator, id) => ({ id, name: ['default', 'orders'][id]!, comparator }))
  return {
    columnFamilies: new Map(families.map((family) => [family.id, { ...family, logNumber: 0 } as LiveFamily])),
    liveTables: new Map(
      tables.map(({ number, level, keys: [smallest, largest] = ['a', 'z'], family = 0 }) => [
        number,
        {
          number,
          level,
          smallest: key(smallest),
          largest: key(largest),
          columnFamily: family,
        } as unknown as LiveTable,
      ]),
    ),
    liveBlobFiles: new Map(blobFiles.map((file) => [file.number, file as LiveBlobFile])),
  } as unknown as Manifest
}

describe('the order', () => {
  test('is level by level, the newest of level 0 first, those of other levels by their keys', () => {
    const tables: TestTable[] = [
      { number: 5, level: 6, keys: ['m', 'z'] },
      { number: 6, level: 6, keys: ['a', 'l'] },
      { number: 9, level: 1 },
      { number: 10, level: 0 },
      { number: 12, level: 0 },
    ]
    const plan = planWarmUp(manifest(tables), {})
    expect(plan).toEqual(['000012.sst', '000010.sst', '000009.sst', '000006.sst', '000005.sst'])
  })

  test('has blob files at the end, the newest first', () => {
    const blobFiles = [3, 7].map((number) => ({ number, columnFamily: 0 }))
    const plan = planWarmUp(manifest([{ number: 4, level: 6 }], blobFiles), {})
    expect(plan).toEqual(['000004.sst', '000007.blob', '000003.blob'])
  })
})

describe('what is selected', () => {
  const tables: TestTable[] = [
    { number: 1, level: 0, keys: ['a', 'z'] },
    { number: 2, level: 1, keys: ['c', 'f'] },
    { number: 3, level: 2, keys: ['g', 'k'] },
    { number: 4, level: 2, keys: ['b', 'd'], family: 1 },
  ]
  const state = manifest(tables, [
    { number: 8, columnFamily: 0 },
    { number: 9, columnFamily: 1 },
  ])

  test.each([
    { selection: { levels: [0, 2] }, expected: [1, 4, 3] },
    { selection: { range: { start: 'g', end: 'g' } }, expected: [1, 3] },
    { selection: { range: { start: 'f', end: 'fz' } }, expected: [1, 2] },
    { selection: { range: { end: 'b' } }, expected: [1, 4] },
    { selection: { range: { start: Buffer.from('l') } }, expected: [1] },
    { selection: { levels: [1], range: { start: 'x' } }, expected: [] },
    { selection: { columnFamily: 'orders', levels: [2] }, expected: [4] },
  ])('by $selection is $expected', ({ selection, expected }) => {
    expect(planWarmUp(state, selection)).toEqual(expected.map((number) => `00000${number}.sst`))
  })

  test('of a column family has its blob files', () => {
    expect(planWarmUp(state, { columnFamily: 'orders' })).toEqual(['000004.sst', '000009.blob'])
  })
})

describe('refused is', () => {
  test('a column family that is not there, naming those that are', () => {
    expect(() => planWarmUp(manifest([]), { columnFamily: 'order' })).toThrow(
      expect.objectContaining({
        code: 'InvalidArgument',
        message: expect.stringMatching(/"default", "orders"/),
      }),
    )
  })

  test('a range of keys in another order than that of their bytes, in a selected column family alone', () => {
    const state = manifest([], [], ['leveldb.BytewiseComparator', 'rocksdb.ReverseBytewiseComparator'])
    const range = { start: 'a' }
    expect(() => planWarmUp(state, { range })).toThrow(
      expect.objectContaining({ code: 'NotSupported', message: expect.stringMatching(/"orders".*Reverse/) }),
    )
    expect(planWarmUp(state, { range, columnFamily: 'default' })).toEqual([])
    expect(planWarmUp(state, { levels: [0] })).toEqual([])
  })
})
