import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EnvError } from '#src/env/env-error.js'
import { crc32c, maskCrc } from '#src/format/crc32c.js'
import { appendRecord, blockSize, encodeLog, readLog } from '#src/format/log-record.js'

const payloads = (bytes: Uint8Array, tail: 'strict' | 'recover' = 'strict') =>
  [...readLog(bytes, { name: 'LOG', tail })].map((record) => Buffer.from(record.payload))

/** The format is subtle for sizes near that of a block. */
const payload = fc
  .oneof(
    fc.nat(100),
    fc.integer({ min: blockSize - 40, max: blockSize + 10 }),
    fc.integer({ min: 2 * blockSize - 40, max: 2 * blockSize + 10 }),
  )
  .chain((size) => fc.integer({ min: 0, max: 255 }).map((fill) => Buffer.alloc(size, fill)))

/** A record with a custom header, for records that our writer never writes. */
function rawRecord(type: number, body: Uint8Array, logNumber?: number): Buffer {
  const number = Buffer.alloc(logNumber === undefined ? 0 : 4)
  if (logNumber !== undefined) number.writeUInt32LE(logNumber)
  const checked = Buffer.concat([Buffer.of(type), number, body])
  const header = Buffer.alloc(6)
  header.writeUInt32LE(maskCrc(crc32c(checked)))
  header.writeUInt16LE(body.length, 4)
  return Buffer.concat([header, checked])
}

test('records of any size come back in order', () => {
  fc.assert(
    fc.property(fc.array(payload, { maxLength: 6 }), (records) => {
      const read = payloads(encodeLog(records))
      expect(read.map(({ length }) => length)).toEqual(records.map(({ length }) => length))
      expect(Buffer.concat(read).equals(Buffer.concat(records))).toBe(true)
    }),
    { numRuns: 60 },
  )
})

test('appending one by one gives the bytes of writing all at once', () => {
  fc.assert(
    fc.property(fc.array(payload, { maxLength: 5 }), (records) => {
      const appended = records.reduce<Uint8Array>(appendRecord, new Uint8Array())
      expect(Buffer.compare(appended, encodeLog(records))).toBe(0)
    }),
    { numRuns: 30 },
  )
})

test('a block ends in zeros where no header fits', () => {
  const filler = Buffer.alloc(blockSize - 7 - 6, 1)
  const log = encodeLog([filler, Buffer.from('next')])
  expect(log.subarray(blockSize - 6, blockSize)).toEqual(Buffer.alloc(6))
  expect(payloads(log)).toEqual([filler, Buffer.from('next')])
})

test('a record that starts with only a header left in its block has an empty first fragment', () => {
  const filler = Buffer.alloc(blockSize - 7 - 7, 1)
  const log = encodeLog([filler, Buffer.from('next')])
  expect(log[blockSize - 1]).toBe(2)
  expect(log[blockSize + 6]).toBe(4)
  expect(payloads(log)).toEqual([filler, Buffer.from('next')])
})

test('each record has its start and end', () => {
  const log = encodeLog([Buffer.from('abc'), Buffer.alloc(40_000), Buffer.from('d')])
  const records = [...readLog(log, { name: 'LOG', tail: 'strict' })]
  expect(records.map(({ start }) => start)).toEqual([0, 10, 10 + 40_000 + 14])
  expect(records.map(({ end }) => end)).toEqual([10, 10 + 40_000 + 14, log.length])
})

test('a log cut anywhere yields its whole records when recovering, and is corrupt when strict', () => {
  const records = [Buffer.from('one'), Buffer.alloc(40_000, 2), Buffer.from('three')]
  const log = encodeLog(records)
  const ends = [...readLog(log, { name: 'LOG', tail: 'strict' })].map(({ end }) => end)
  fc.assert(
    fc.property(fc.nat(log.length), (cut) => {
      const whole = ends.filter((end) => end <= cut).length
      const torn = log.subarray(0, cut)
      expect(payloads(torn, 'recover').map(({ length }) => length)).toEqual(
        records.slice(0, whole).map(({ length }) => length),
      )
      if (cut === 0 || ends.includes(cut)) expect(payloads(torn)).toHaveLength(whole)
      else expect(() => payloads(torn)).toThrow(EnvError)
    }),
  )
})

test('a changed bit anywhere is corruption at the offset of its record, or the end of the log', () => {
  const records = [Buffer.from('one'), Buffer.from('twotwo'), Buffer.from('three')]
  const log = encodeLog(records)
  fc.assert(
    fc.property(fc.nat(log.length - 1), fc.nat(7), (at, bit) => {
      const bad = Buffer.from(log)
      bad[at]! ^= 1 << bit
      expect(() => payloads(bad)).toThrow(/^LOG is corrupt at byte \d+: /)
    }),
  )
  const bad = Buffer.from(log)
  bad[12]! ^= 1
  expect(() => payloads(bad, 'recover')).toThrow('LOG is corrupt at byte 10: the checksum does not match')
})

test('preallocated zeros are skipped, and data after them is corruption', () => {
  const log = encodeLog([Buffer.from('one')])
  expect(payloads(Buffer.concat([log, Buffer.alloc(5)]))).toHaveLength(1)
  expect(payloads(Buffer.concat([log, Buffer.alloc(3 * blockSize)]))).toHaveLength(1)
  const hidden = Buffer.concat([log, Buffer.alloc(100), log])
  expect(() => payloads(hidden)).toThrow('data follows zero padding')
})

test('recyclable records are read up to the first one of an older log', () => {
  const log = Buffer.concat([
    rawRecord(5, Buffer.from('one'), 7),
    rawRecord(6, Buffer.from('tw'), 7),
    rawRecord(8, Buffer.from('o'), 7),
    rawRecord(5, Buffer.from('old'), 3),
    rawRecord(5, Buffer.from('older'), 2),
  ])
  expect(payloads(log)).toEqual([Buffer.from('one'), Buffer.from('two')])
})

test('the rest of an older record ends a recycled log when recovering', () => {
  const log = Buffer.concat([rawRecord(5, Buffer.from('one'), 7), Buffer.from('rest of an older record')])
  expect(payloads(log, 'recover')).toEqual([Buffer.from('one')])
  expect(() => payloads(log)).toThrow('corrupt at byte 14')
})

test('ignorable notes and unknown types are not records', () => {
  const log = Buffer.concat([
    rawRecord(10, Buffer.alloc(4)),
    rawRecord(130, Buffer.alloc(9)),
    rawRecord(200, Buffer.alloc(2)),
    rawRecord(1, Buffer.from('one')),
  ])
  expect(payloads(log)).toEqual([Buffer.from('one')])
})

test.each([
  ['an unknown type', rawRecord(50, Buffer.of(1)), 'record type 50 is unknown'],
  ['compression', rawRecord(9, Buffer.alloc(4)), 'compressed logs are not supported'],
  ['a middle without a first', rawRecord(3, Buffer.of(1)), 'a fragment continues no record'],
  ['a last without a first', rawRecord(4, Buffer.of(1)), 'a fragment continues no record'],
  [
    'a record inside a record',
    Buffer.concat([rawRecord(2, Buffer.of(1)), rawRecord(1, Buffer.of(1))]),
    'a record begins inside the one begun at 0',
  ],
])('%s is corruption even when recovering', (_title, log, reason) => {
  expect(() => payloads(log, 'recover')).toThrow(reason)
})

test('a record of more fragments than any writer makes is corruption, and is not held in memory', () => {
  const start = rawRecord(2, Buffer.of(1))
  const middle = rawRecord(3, Buffer.of(1))
  // Blocks full of the smallest fragments: 4,096 of 8 bytes each.
  const log = Buffer.alloc(25 * blockSize, middle)
  start.copy(log)
  expect(() => payloads(log)).toThrow('LOG is corrupt at byte 0: a record has more than 100000 fragments')
})

test('any bytes are either a log or corruption', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom('strict', 'recover'), (bytes, tail) => {
      try {
        payloads(bytes, tail)
      } catch (error) {
        expect(EnvError.is(error, 'Corruption')).toBe(true)
      }
    }),
  )
})
