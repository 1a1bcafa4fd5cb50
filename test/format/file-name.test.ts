import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Epoch, parseEpoch } from '#src/format/epoch.js'
import {
  blobFileName,
  manifestFileName,
  type ObjectName,
  objectName,
  parseFileName,
  parseObjectName,
  tableFileName,
  walFileName,
} from '#src/format/file-name.js'

const epoch = (text: string): Epoch => parseEpoch(text)!

describe('a base name in a database directory', () => {
  test.each([
    ['000012.sst', { kind: 'table', number: 12 }],
    ['000012.ldb', { kind: 'table', number: 12 }],
    ['1234567.sst', { kind: 'table', number: 1234567 }],
    ['000003.blob', { kind: 'blob', number: 3 }],
    ['000004.log', { kind: 'wal', number: 4 }],
    ['MANIFEST-000005', { kind: 'manifest', number: 5 }],
    ['OPTIONS-000007', { kind: 'options', number: 7 }],
    ['CURRENT', { kind: 'current' }],
    ['IDENTITY', { kind: 'identity' }],
    ['LOCK', { kind: 'lock' }],
    ['LOG', { kind: 'infoLog' }],
    ['LOG.old.1795226640123', { kind: 'infoLog' }],
    ['000006.dbtmp', { kind: 'temp' }],
    ['OPTIONS-000006.dbtmp', { kind: 'temp' }],
    ['000012.sst.trash', { kind: 'trash' }],
    ['archive', { kind: 'other' }],
    ['12.sst', { kind: 'other' }],
    ['0000012.sst', { kind: 'other' }],
    ['99999999999999999999.sst', { kind: 'other' }],
    ['MANIFEST-e8ab9866fb2973f2', { kind: 'other' }],
    ['000012.sst-aa', { kind: 'other' }],
    ['', { kind: 'other' }],
  ])('%s', (name, parsed) => {
    expect(parseFileName(name)).toEqual(parsed)
  })

  test('is parsed back from its built form', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (number) => {
        expect(parseFileName(tableFileName(number))).toEqual({ kind: 'table', number })
        expect(parseFileName(blobFileName(number))).toEqual({ kind: 'blob', number })
        expect(parseFileName(walFileName(number))).toEqual({ kind: 'wal', number })
        expect(parseFileName(manifestFileName(number))).toEqual({ kind: 'manifest', number })
      }),
    )
  })
})

describe('the name of an object', () => {
  test.each<[string, ObjectName]>([
    ['000012.sst-e8ab9866fb2973f2', { kind: 'table', number: 12, epoch: epoch('e8ab9866fb2973f2') }],
    ['000012.sst', { kind: 'table', number: 12, epoch: epoch('') }],
    ['1000000.sst-a', { kind: 'table', number: 1_000_000, epoch: epoch('a') }],
    ['000003.blob-a', { kind: 'blob', number: 3, epoch: epoch('a') }],
    ['MANIFEST-2c4207b4c8ab94', { kind: 'manifest', epoch: epoch('2c4207b4c8ab94') }],
    ['MANIFEST', { kind: 'manifest', epoch: epoch('') }],
    ['HISTORY-2c4207b4c8ab94-000012', { kind: 'history', number: 12, epoch: epoch('2c4207b4c8ab94') }],
    ['CLOUDMANIFEST', { kind: 'cloudManifest', cookie: '' }],
    ['CLOUDMANIFEST-A', { kind: 'cloudManifest', cookie: 'A' }],
    ['CLOUDMANIFEST-B-2', { kind: 'cloudManifest', cookie: 'B-2' }],
    ['IDENTITY', { kind: 'identity' }],
  ])('%s is understood, and built again', (name, parsed) => {
    expect(parseObjectName(name)).toEqual(parsed)
    expect(objectName(parsed)).toBe(name)
  })

  test.each([
    '',
    '.',
    '..',
    '../000012.sst-aa',
    '000012.sst-aa/..',
    'HISTORY-aa-12',
    'HISTORY-000012',
    'HISTORY--000012',
    'HISTORY-aa-000012-b',
    '/000012.sst',
    '000012.sst-',
    '000012.sst-AA',
    '000012.sst-aa\0',
    '000012.sst-aa\n',
    '\n000012.sst-aa',
    '000012.sst-0123456789abcdef0',
    '12.sst-aa',
    '0000012.sst-aa',
    '000012.ldb-aa',
    '000012.SST-aa',
    '000012.sst-aa-bb',
    '99999999999999999999.sst-aa',
    'MANIFEST-',
    'MANIFEST-xyz',
    'CLOUDMANIFEST-',
    'CLOUDMANIFEST-a/b',
    'CLOUDMANIFEST-\u001b[2J',
    'CLOUDMANIFEST-\0',
    'CURRENT',
    'OPTIONS-000007',
    '000004.log',
  ])('%j is not one', (name) => {
    expect(parseObjectName(name)).toBeUndefined()
  })

  test('every parsed name has one spelling only, and stays in its directory', () => {
    const hostile = fc.stringMatching(
      /^(CLOUDMANIFEST|MANIFEST|0000[0-9]{1,4}\.(sst|blob))?-?[0-9a-f./\\\0-]{0,18}$/,
    )
    fc.assert(
      fc.property(hostile, (name) => {
        const parsed = parseObjectName(name)
        if (parsed === undefined) return
        expect(objectName(parsed)).toBe(name)
        expect(name).not.toMatch(/[/\\\0]/)
      }),
      { numRuns: 2_000 },
    )
  })

  test('a cookie that would leave the directory is refused', () => {
    expect(() => objectName({ kind: 'cloudManifest', cookie: '../x' })).toThrow(TypeError)
  })
})
