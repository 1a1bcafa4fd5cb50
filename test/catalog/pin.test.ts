import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodePin, encodePin, isExpired, type Pin, readPins } from '#src/catalog/pin.js'
import { parseObjectName } from '#src/format/file-name.js'
import { StoredObjects } from '../support/stored-objects.js'

const anyPin: fc.Arbitrary<Pin> = fc.record(
  {
    kind: fc.constantFrom('clone', 'operation'),
    lifetimeMs: fc.nat(),
    holder: fc.string(),
    objects: fc.array(fc.string()),
  },
  { requiredKeys: ['kind', 'holder', 'objects'] },
)

test('a pin says what was put into it', () => {
  fc.assert(
    fc.property(anyPin, (pin) => {
      expect(decodePin(encodePin(pin), 'pin')).toEqual(pin)
    }),
  )
})

test.each([
  ['no JSON', '{', 'Corruption'],
  ['no object', 'null', 'NotSupported'],
  ['of a later version', '{"version":2}', 'NotSupported'],
  ['without a kind', '{"version":1,"holder":"a","objects":[]}', 'Corruption'],
  [
    'with a number among its objects',
    '{"version":1,"kind":"clone","holder":"a","objects":[1]}',
    'Corruption',
  ],
  [
    'with a lifetime that is no number',
    '{"version":1,"kind":"operation","lifetimeMs":"1","holder":"a","objects":[]}',
    'Corruption',
  ],
])('a pin that is %s is refused, and named', (_, text, code) => {
  expect(() => decodePin(Buffer.from(text), 's3://b/db/CLOUDPIN-1')).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining('s3://b/db/CLOUDPIN-1') }),
  )
})

test('the pin of an operation expires after a day or its lifetime, that of a clone never', () => {
  const written = new Date(0)
  const pin = (kind: Pin['kind']): Pin => ({ kind, holder: '', objects: [] })
  const day = 24 * 60 * 60 * 1000
  expect(isExpired(pin('operation'), written, new Date(day))).toBe(false)
  expect(isExpired(pin('operation'), written, new Date(day + 1))).toBe(true)
  expect(isExpired({ ...pin('operation'), lifetimeMs: 2 * day }, written, new Date(day + 1))).toBe(false)
  expect(isExpired({ ...pin('operation'), lifetimeMs: 2 * day }, written, new Date(2 * day + 1))).toBe(true)
  expect(isExpired(pin('clone'), written, new Date(1000 * day))).toBe(false)
})

test('an unreadable pin is reported as one, and one that is gone is left out', async () => {
  const pin: Pin = { kind: 'clone', holder: 's3://b/clone', objects: ['000012.sst-a'] }
  const [sound, damaged, gone] = ['1', '2', '3'].map((digit) => digit.repeat(16))
  const store = new StoredObjects({
    [`db/CLOUDPIN-${sound}`]: encodePin(pin),
    [`db/CLOUDPIN-${damaged}`]: 'damaged',
  })
  const listed = [sound, damaged, gone].map((id) => ({
    parsed: parseObjectName(`CLOUDPIN-${id}`)!,
    modified: new Date(0),
  }))
  expect(await readPins({ store: store.store, path: 'db' }, listed)).toEqual([
    { id: sound, written: new Date(0), pin },
    { id: damaged, written: new Date(0), pin: undefined },
  ])
})
