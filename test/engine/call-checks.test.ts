import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RocksDB } from '#src/index.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

let db: RocksDB
beforeAll(async () => {
  db = await RocksDB.open(temporaryDirectory())
})
afterAll(() => db.close())

/** Arguments that a program without types might pass. */
const bad = (options: unknown) => options as never

describe('an option that a call does not have is refused before anything is done', () => {
  test.each<[string, () => unknown, RegExp]>([
    [
      'put',
      () => db.put('a', '1', bad({ snyc: true })),
      /unknown option "snyc" of put, did you mean "sync"\? It takes .*sync/,
    ],
    ['delete', () => db.delete('kept', bad({ colFamily: 1 })), /"colFamily" of delete/],
    [
      'batch',
      () => db.batch([{ type: 'put', key: 'a', value: '1' }], bad({ Sync: true })),
      /"Sync" of batch/,
    ],
    ['get', () => db.get('a', bad({ encoding: 'utf8' })), /"encoding" of get.*t takes .*valueEncoding/],
    ['getMany', () => db.getMany(['a'], bad({ encoding: 'utf8' })), /"encoding" of get/],
    ['flush', () => db.flush(bad({ timeoutms: 5 })), /"timeoutms" of flush, did you mean "timeoutMs"/],
    ['compactRange', () => db.compactRange(bad({ from: 'a' })), /"from" of compactRange/],
    ['getProperty', () => db.getProperty('rocksdb.stats', bad({ cf: 1 })), /"cf" of getProperty/],
    ['listColumnFamilies', () => RocksDB.listColumnFamilies(db.path, bad({ enw: 1 })), /"enw"/],
  ])('%s', async (_, call, message) => {
    await db.put('kept', '1')
    await expect(call()).rejects.toThrow(TypeError)
    await expect(call()).rejects.toThrow(message)
    expect(await db.get('a')).toBeUndefined()
    expect(await db.get('kept', { valueEncoding: 'utf8' })).toBe('1')
  })

  test('getSync and iterator', () => {
    expect(() => db.getSync('a', bad({ fill: false }))).toThrow(/"fill" of get/)
    expect(() => db.iterator(bad({ revers: true }))).toThrow(/"revers" of iterator, did you mean "reverse"/)
  })
})

test('a flag that is neither true nor false is refused', async () => {
  await expect(db.put('a', '1', bad({ sync: 'yes' }))).rejects.toThrow('expected "sync" to be true or false')
  await expect(db.put('a', '1', bad(null))).rejects.toThrow('expected the options of put to be an object')
})

test.each<[operation: object, message: RegExp]>([
  [
    { type: 'put', key: 'a', value: '1', columnFamly: 'users' },
    /"columnFamly" of a put operation, did you mean "columnFamily"/,
  ],
  [
    { type: 'put', key: 'a', value: '1', cf: 'users' },
    /"cf" of a put operation; it takes type, columnFamily/,
  ],
  [{ type: 'delete', key: 'kept', value: '1' }, /"value" of a delete operation/],
  [{ type: 'deleteRange', start: 'a', end: 'z', gte: 'b' }, /"gte" of a deleteRange operation/],
  [{ type: 'del', key: 'kept' }, /expected "type" to be put, delete or deleteRange, got "del"/],
  [{ key: 'a', value: '1' }, /expected "type" to be put, delete or deleteRange, got undefined/],
])('a batch with %j is refused as a whole', async (operation, message) => {
  await db.put('kept', '1')
  const good = { type: 'put', key: 'a', value: '1' } as const
  await expect(db.batch([good, operation as never, good])).rejects.toThrow(message)
  expect(await db.get('a')).toBeUndefined()
  expect(await db.get('kept', { valueEncoding: 'utf8' })).toBe('1')
})

const junk = [null, true, 7, Number.NaN, 'x', [], {}, new Map(), () => 1, Symbol('x'), 5n]

test.each(
  (['columnFamily', 'snapshot', 'fillCache', 'valueEncoding'] as const).flatMap((name) =>
    junk.filter((value) => !(name === 'fillCache' && value === true)).map((value) => ({ name, value })),
  ),
)('a read with $name: $value is refused', async ({ name, value }) => {
  const error = await db.get('kept', bad({ [name]: value })).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({
    message: expect.stringMatching(/^(expected |"undefined" is not a column family)/),
  })
})

test.each(junk.map((value) => ({ value })))(
  'an Env, families and times that are $value are refused',
  async ({ value }) => {
    const path = temporaryDirectory()
    await expect(RocksDB.open(path, bad({ env: value }))).rejects.toThrow(/expected "env" to be an Env/)
    await expect(RocksDB.listColumnFamilies(path, bad({ env: value }))).rejects.toThrow(TypeError)
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      await expect(RocksDB.open(path, bad({ columnFamilies: value }))).rejects.toThrow(
        /"columnFamilies" to be/,
      )
    if (value !== 7) await expect(db.flush(bad({ timeoutMs: value }))).rejects.toThrow(/"timeoutMs" to be/)
    await expect(db.flush(bad({ columnFamily: value }))).rejects.toThrow(Error)
    expect(() => db.iterator(bad({ limit: value === 7 ? 7.5 : value }))).toThrow(/"limit" to be/)
    await expect(db.dropColumnFamily(bad(value))).rejects.toThrow(Error)
  },
)
