import { describe, expect, test } from 'vitest'
import { all, openDatabase } from './open-database.ts'

const text = { keyEncoding: 'utf8', valueEncoding: 'utf8' } as const

async function letters() {
  const db = await openDatabase()
  await db.batch(['a', 'b', 'c', 'd', 'e'].map((key) => ({ type: 'put', key, value: key.toUpperCase() })))
  return db
}

describe('a range', () => {
  test.each([
    ['everything', {}, 'abcde'],
    ['from a key on', { gte: 'c' }, 'cde'],
    ['after a key', { gt: 'c' }, 'de'],
    ['up to a key', { lte: 'c' }, 'abc'],
    ['before a key', { lt: 'c' }, 'ab'],
    ['between keys that are not there', { gt: 'aa', lt: 'dd' }, 'bcd'],
    ['a prefix', { prefix: 'b' }, 'b'],
    ['an empty prefix', { prefix: '' }, 'abcde'],
    ['a prefix and a limit on each side', { prefix: 'b', gte: 'a', lt: 'e' }, 'b'],
    ['a prefix outside of the limits', { prefix: 'b', gte: 'c' }, ''],
    ['nothing, its end being before its start', { gte: 'd', lt: 'b' }, ''],
    ['nothing, its ends being the same', { gt: 'b', lte: 'b' }, ''],
    ['at most so many', { gte: 'b', limit: 2 }, 'bc'],
    ['none at all', { limit: 0 }, ''],
  ])('is %s, in both directions', async (_, range, expected) => {
    const db = await letters()
    const keys = async (options: object) =>
      (await all(db.iterator({ ...options, ...text }))).map(([key]) => key).join('')
    expect(await keys(range)).toBe(expected)
    if (!('limit' in range)) {
      expect(await keys({ ...range, reverse: true })).toBe([...expected].reverse().join(''))
    }
  })

  test('with a limit, in reverse, has the last entries', async () => {
    const db = await letters()
    expect(await all(db.iterator({ reverse: true, limit: 2, ...text }))).toEqual([
      ['e', 'E'],
      ['d', 'D'],
    ])
  })

  test('of a prefix ends after its last key, whatever bytes it has', async () => {
    const db = await openDatabase()
    const keys = [[0xfe], [0xfe, 0xff], [0xff], [0xff, 0], [0xff, 0xff], [0xff, 0xff, 1]].map((bytes) =>
      Buffer.from(bytes),
    )
    await db.batch(keys.map((key) => ({ type: 'put', key, value: '' })))
    const withPrefix = async (...prefix: number[]) =>
      (await all(db.iterator({ prefix: Buffer.from(prefix) }))).map(([key]) => key)
    expect(await withPrefix(0xfe, 0xff)).toEqual(keys.slice(1, 2))
    expect(await withPrefix(0xff)).toEqual(keys.slice(2))
    expect(await withPrefix(0xff, 0xff)).toEqual(keys.slice(4))
  })

  test('that is invalid is refused', async () => {
    const db = await letters()
    expect(() => db.iterator({ gt: 'a', gte: 'a' })).toThrow('expected one of "gte" and "gt", got both')
    expect(() => db.iterator({ lt: 'a', lte: 'a' })).toThrow(RangeError)
    expect(() => db.iterator({ prefix: 7 as never })).toThrow(
      /expected "prefix" to be a string or a Uint8Array/,
    )
    expect(() => db.iterator({ limit: -1 })).toThrow(/expected "limit" to be/)
    expect(() => db.iterator({ limit: 1.5 })).toThrow(RangeError)
    expect(() => db.iterator({ keyEncoding: 'hex' as 'utf8' })).toThrow(RangeError)
  })
})

describe('an iterator', () => {
  test('shows the database as it was when it was made', async () => {
    const db = await letters()
    const iterator = db.iterator(text)
    await db.put('b', 'new')
    await db.put('bb', 'new')
    await db.delete('c')
    expect((await all(iterator)).map(([key, value]) => key + value)).toEqual(['aA', 'bB', 'cC', 'dD', 'eE'])
  })

  test('of a snapshot shows what the snapshot does, even when that is closed before the first entry', async () => {
    const db = await letters()
    const snapshot = db.snapshot()
    await db.delete('a')
    const iterator = db.iterator({ snapshot, ...text })
    snapshot.close()
    await db.compactRange()
    expect((await all(iterator)).map(([key]) => key).join('')).toBe('abcde')
  })

  test('spans many chunks of entries, in tables and in memory', async () => {
    const db = await openDatabase()
    const keys = Array.from({ length: 20_000 }, (_, i) => String(i).padStart(6, '0'))
    const put = (some: string[]) => db.batch(some.map((key) => ({ type: 'put', key, value: key.repeat(5) })))
    await put(keys.filter((_, i) => i % 2 === 0))
    await db.flush()
    await put(keys.filter((_, i) => i % 2 === 1))
    const forward = await all(db.iterator(text))
    expect(forward.map(([key]) => key)).toEqual(keys)
    expect(forward.every(([key, value]) => value === key.repeat(5))).toBe(true)
    expect(await all(db.iterator({ reverse: true, ...text }))).toEqual(forward.reverse())
  })

  test('reads values that are larger than a chunk', async () => {
    const db = await openDatabase()
    const value = Buffer.alloc(300_000, 'x')
    for (const key of ['a', 'b', 'c']) await db.put(key, value)
    const entries = await all(db.iterator())
    expect(entries.map(([key, found]) => [String(key), found.equals(value)])).toEqual([
      ['a', true],
      ['b', true],
      ['c', true],
    ])
  })

  test('returns batches until nothing is left', async () => {
    const db = await openDatabase()
    await db.batch(
      Array.from({ length: 1000 }, (_, i) => ({ type: 'put', key: Buffer.of(i >> 8, i), value: '' })),
    )
    const iterator = db.iterator()
    let count = 0
    for (let batch = await iterator.nextBatch(); batch.length > 0; batch = await iterator.nextBatch()) {
      count += batch.length
    }
    expect(count).toBe(1000)
    expect(await iterator.nextBatch()).toEqual([])
  })

  test('answers concurrent calls in their order', async () => {
    const db = await letters()
    const iterator = db.iterator(text)
    const results = await Promise.all(Array.from({ length: 7 }, () => iterator.next()))
    expect(results.map((result) => result.value?.[0])).toEqual([
      'a',
      'b',
      'c',
      'd',
      'e',
      undefined,
      undefined,
    ])
  })

  test('closes when a loop is left', async () => {
    const db = await letters()
    const iterator = db.iterator(text)
    for await (const [key] of iterator) if (key === 'b') break
    await expect(iterator.next()).rejects.toMatchObject({ code: 'Closed' })
  })

  test('fails, rather than ending early, when its database is closed', async () => {
    const db = await letters()
    const iterator = db.iterator(text)
    await iterator.next()
    await db.close()
    await expect(iterator.next()).rejects.toMatchObject({ name: 'RocksDBError', code: 'Closed' })
  })

  test('may be closed while it reads, and again', async () => {
    const db = await letters()
    const iterator = db.iterator(text)
    const failing = expect(iterator.next()).rejects.toMatchObject({ code: 'Closed' })
    await iterator.close()
    await iterator.close()
    await failing
  })

  test('over an order other than that of bytes has no ranges', async () => {
    const db = await openDatabase({ options: { comparator: 'rocksdb.ReverseBytewiseComparator' } })
    await db.put('a', '')
    await db.put('b', '')
    expect((await all(db.iterator(text))).map(([key]) => key)).toEqual(['b', 'a'])
    await expect(all(db.iterator({ gte: 'a' }))).rejects.toMatchObject({ code: 'NotSupported' })
  })
})
