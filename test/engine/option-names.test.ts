import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RocksDB } from '#src/index.js'

const directory = mkdtempSync(join(tmpdir(), 'option-names-'))
let db: RocksDB
beforeAll(async () => {
  db = await RocksDB.open(directory)
})
afterAll(async () => {
  await db.close()
  rmSync(directory, { recursive: true, force: true })
})

/** What a program without types might pass. */
const bad = (options: unknown) => options as never

describe('an option that a call does not have is refused, and nothing is done', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['put', () => db.put('a', '1', bad({ snyc: true })), /unknown option "snyc" of put; it takes .*sync/],
    ['delete', () => db.delete('kept', bad({ colFamily: 1 })), /"colFamily" of delete/],
    [
      'batch',
      () => db.batch([{ type: 'put', key: 'a', value: '1' }], bad({ Sync: true })),
      /"Sync" of batch/,
    ],
    ['get', () => db.get('a', bad({ encoding: 'utf8' })), /"encoding" of get; it takes .*valueEncoding/],
    ['getMany', () => db.getMany(['a'], bad({ encoding: 'utf8' })), /"encoding" of get/],
    ['flush', () => db.flush(bad({ timeoutms: 5 })), /"timeoutms" of flush; it takes .*timeoutMs/],
    ['compactRange', () => db.compactRange(bad({ from: 'a' })), /"from" of compactRange/],
    ['getProperty', () => db.getProperty('rocksdb.stats', bad({ cf: 1 })), /"cf" of getProperty/],
    ['listColumnFamilies', () => RocksDB.listColumnFamilies(directory, bad({ enw: 1 })), /"enw"/],
  ])('%s', async (_, call, message) => {
    await db.put('kept', '1')
    await expect(call()).rejects.toThrow(TypeError)
    await expect(call()).rejects.toThrow(message)
    expect(await db.get('a')).toBeUndefined()
    expect(await db.get('kept', { valueEncoding: 'utf8' })).toBe('1')
  })

  test('getSync and iterator', () => {
    expect(() => db.getSync('a', bad({ fill: false }))).toThrow(/"fill" of get/)
    expect(() => db.iterator(bad({ revers: true }))).toThrow(/"revers" of iterator; it takes .*reverse/)
  })
})

test('a flag that is neither true nor false is refused', async () => {
  await expect(db.put('a', '1', bad({ sync: 'yes' }))).rejects.toThrow('expected "sync" to be true or false')
  await expect(db.put('a', '1', bad(null))).rejects.toThrow('expected the options of put to be an object')
})
