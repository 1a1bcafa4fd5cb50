import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EnvError } from '#src/env/env-error.js'
import { corruption } from '#src/format/corruption.js'
import { readTableProperties } from '#src/format/table-properties.js'
import { encodeVarint } from '#src/format/varint.js'
import { encodeBlock } from '../support/encode-blocks.js'

const error = (reason: string) => corruption('000017.sst', 4096, reason)
const properties = (given: Readonly<Record<string, Uint8Array>>) =>
  readTableProperties(
    encodeBlock(Object.entries(given).map(([name, value]) => ({ key: Buffer.from(name), value }))),
    error,
  )
const indexType = 'rocksdb.block.based.table.index.type'
const globalSequence = 'rocksdb.external_sst_file.global_seqno'
const externalVersion = { 'rocksdb.external_sst_file.version': Buffer.of(2, 0, 0, 0) }

test('numbers, text and unknown properties are kept by name', () => {
  const { numbers, texts, raw } = properties({
    'rocksdb.num.entries': Buffer.from(encodeVarint(3600)),
    'rocksdb.comparator': Buffer.from('leveldb.BytewiseComparator'),
    'somebody.else': Buffer.of(0xff),
  })
  expect([...numbers]).toEqual([['rocksdb.num.entries', 3600]])
  expect([...texts]).toEqual([['rocksdb.comparator', 'leveldb.BytewiseComparator']])
  expect([...raw.keys()]).toHaveLength(3)
  expect(raw.get('somebody.else')).toEqual(Buffer.of(0xff))
})

describe('the index', () => {
  test('of a table without the property has the oldest form', () => {
    expect(properties({})).toMatchObject({
      indexType: 'kBinarySearch',
      indexFormat: { hasUserKeys: false, hasDeltaHandles: false, hasFirstKeys: false },
    })
  })

  test('has the form in the property', () => {
    const found = properties({
      [indexType]: Buffer.of(3, 0, 0, 0),
      'rocksdb.index.key.is.user.key': Buffer.of(1),
      'rocksdb.index.value.is.delta.encoded': Buffer.of(1),
    })
    expect(found).toMatchObject({
      indexType: 'kBinarySearchWithFirstKey',
      indexFormat: { hasUserKeys: true, hasDeltaHandles: true, hasFirstKeys: true },
    })
  })

  test.each([
    ['of an unknown type', Buffer.of(9, 0, 0, 0), 'index type 9 is unknown'],
    ['whose type is cut off', Buffer.of(1), 'not of 4 bytes'],
  ])('%s is corruption', (_title, value, reason) => {
    expect(() => properties({ [indexType]: value })).toThrow(reason)
  })
})

describe('the global sequence number', () => {
  const seventeen = Buffer.of(17, 0, 0, 0, 0, 0, 0, 0)
  test.each([
    ['of a table that was not ingested is none', {}, undefined],
    ['of a table that was ingested is told', { ...externalVersion, [globalSequence]: seventeen }, 17n],
    [
      'of 0 is in the MANIFEST, if anywhere',
      { ...externalVersion, [globalSequence]: Buffer.alloc(8) },
      'inManifest',
    ],
    ['that a table could have, and does not, is there too', externalVersion, 'inManifest'],
    [
      'of a table in the first format for ingestion is undefined',
      { 'rocksdb.external_sst_file.version': Buffer.of(1, 0, 0, 0) },
      undefined,
    ],
  ])('%s', (_title, given, expected) => {
    expect(properties(given).globalSequence).toBe(expected)
  })
})

describe('implausible properties are corruption:', () => {
  const named = (names: readonly string[]) =>
    encodeBlock(names.map((name) => ({ key: Buffer.from(name), value: Buffer.alloc(0) })))

  test('more than 10,000 properties', () => {
    const names = Array.from({ length: 10_001 }, (_, at) => String(at).padStart(6, '0'))
    expect(readTableProperties(named(names.slice(1)), error).raw.size).toBe(10_000)
    expect(() => readTableProperties(named(names), error)).toThrow('more than 10000 properties')
  })

  test('a name of more than 1,000 bytes', () => {
    expect(readTableProperties(named(['n'.repeat(1_000)]), error).raw.size).toBe(1)
    expect(() => readTableProperties(named(['n'.repeat(1_001)]), error)).toThrow(
      'the name of a property has 1001 bytes',
    )
  })
})

test('any bytes are either properties or corruption', () => {
  const name = fc.constantFrom(
    indexType,
    globalSequence,
    ...Object.keys(externalVersion),
    'rocksdb.num.entries',
  )
  const block = fc
    .array(fc.record({ key: name.map((text) => Buffer.from(text)), value: fc.uint8Array({ maxLength: 12 }) }))
    .map((entries) => encodeBlock(entries))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), block), (bytes) => {
      try {
        readTableProperties(bytes, error)
      } catch (thrown) {
        if (!EnvError.is(thrown, 'Corruption')) throw thrown
      }
    }),
  )
})
