import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { encodeLog } from '#src/format/log-record.js'
import { encodeVarint } from '#src/format/varint.js'
import { cloudEnv, type RocksDB } from '#src/index.js'
import { all } from '../engine/open-database.js'
import { Machine, refusal } from '../support/machine.js'
import { fillLevels, lazily } from '../support/many-levels.js'
import { openBucket } from '../support/open-bucket.js'
import { mainTestStores, type TestStore } from '../support/test-stores.js'

const nothing = () => undefined
const utf8 = { valueEncoding: 'utf8' } as const

/** A database with two tables, and a key that is only in the write-ahead log of the machine. */
async function filled(store: TestStore): Promise<Machine> {
  const machine = new Machine(store)
  await machine.open(async (db) => {
    await db.put('first', '1')
    await db.flush()
    await db.put('second', '2')
    await db.flush()
    await db.put('logged', '3')
  })
  return machine
}

/** All that was written is there: on the machine that wrote it, and what was flushed on another. */
async function expectWhole(store: TestStore, machine: Machine): Promise<void> {
  const read = (db: RocksDB) => db.getMany(['first', 'second', 'logged'], utf8)
  expect(await new Machine(store).open(read, { readOnly: true })).toEqual(['1', '2', undefined])
  expect(await machine.open(read)).toEqual(['1', '2', '3'])
}

async function keyOf(store: TestStore, pattern: RegExp): Promise<string> {
  const keys = [...(await store.list()).keys()].filter((key) => pattern.test(key))
  return keys[0] ?? expect.fail(`no object matches ${pattern}`)
}

/** Each way to open it is refused, on the machine that wrote it and on one that has nothing of it yet. */
async function expectRefused(
  store: TestStore,
  machine: Machine,
  code: string,
  message: RegExp,
): Promise<void> {
  const names = await machine.names()
  for (const opener of [machine, new Machine(store)]) {
    for (const options of [{}, { readOnly: true }]) {
      const error = await refusal(store, () => opener.open(nothing, options))
      expect(error).toMatchObject({ name: 'RocksDBError', code })
      expect(error.message).toMatch(message)
    }
  }
  expect(await machine.names()).toEqual(expect.arrayContaining(names))
}

const cut = (bytes: Uint8Array) => bytes.subarray(0, bytes.length - 3)
const flip = (at: number) => (bytes: Uint8Array) => {
  const flipped = Uint8Array.from(bytes)
  flipped[Math.floor(bytes.length * at)]! ^= 4
  return flipped
}
const empty = () => new Uint8Array(0)

describe('objects of the store are checked', () => {
  const { make } = mainTestStores()[0]!

  test.each<[what: string, damage: (bytes: Uint8Array) => Uint8Array, message: RegExp]>([
    ['a torn CLOUDMANIFEST', cut, /db\/CLOUDMANIFEST is corrupt at byte \d+: /],
    [
      'a flipped bit in the CLOUDMANIFEST',
      flip(0.5),
      /db\/CLOUDMANIFEST is corrupt at byte \d+: the checksum.*Bring an earlier version of that object back; "cloudenv verify/,
    ],
    ['an empty CLOUDMANIFEST', empty, /db\/CLOUDMANIFEST is corrupt at byte 0: it is empty/],
    [
      'a CLOUDMANIFEST of a later version',
      () => encodeLog([Buffer.concat([encodeVarint(2), encodeVarint(0)])]),
      /db\/CLOUDMANIFEST is corrupt at byte 0: version 2 is unknown, expected 1/,
    ],
    [
      'a CLOUDMANIFEST that is something else',
      () => Buffer.from('<html>'.repeat(99)),
      /CLOUDMANIFEST is corrupt/,
    ],
  ])('%s is Corruption, and nothing is lost once it is back', async (_, damage, message) => {
    const store = make()
    const machine = await filled(store)
    const sound = await store.get('db/CLOUDMANIFEST')
    await store.put('db/CLOUDMANIFEST', damage(sound))
    await expectRefused(store, machine, 'Corruption', message)
    await store.put('db/CLOUDMANIFEST', sound)
    await expectWhole(store, machine)
  })

  test.each<[what: string, damage: (bytes: Uint8Array) => Uint8Array, message: RegExp]>([
    [
      'a torn MANIFEST',
      cut,
      /db\/MANIFEST-[0-9a-f]+ is corrupt at byte \d+: .*Bring an earlier version of that/,
    ],
    ['a flipped bit in the MANIFEST', flip(0.5), /db\/MANIFEST-[0-9a-f]+ is corrupt at byte \d+: /],
    [
      'a flipped bit at the end of the MANIFEST',
      flip(0.99),
      /MANIFEST-[0-9a-f]+ is corrupt at byte \d+: the check/,
    ],
    ['an empty MANIFEST', empty, /db\/MANIFEST-[0-9a-f]+ is corrupt at byte 0: /],
  ])('%s is Corruption, and nothing is lost once it is back', async (_, damage, message) => {
    const store = make()
    const machine = await filled(store)
    const key = await keyOf(store, /MANIFEST-/)
    const sound = await store.get(key)
    await store.put(key, damage(sound))
    await expectRefused(store, machine, 'Corruption', message)
    await store.put(key, sound)
    await expectWhole(store, machine)
  })
})

describe.each(mainTestStores())('in $name', ({ make }) => {
  test.each<[what: string, pattern: RegExp, message: RegExp]>([
    [
      'MANIFEST',
      /MANIFEST-/,
      /MANIFEST-[0-9a-f]+ is missing, .*CLOUDMANIFEST names it .*Bring that object back/,
    ],
    [
      'table',
      /\.sst-/,
      /\d+\.sst is missing in the store, and the MANIFEST references it\. Bring the object back/,
    ],
  ])('a missing %s is Corruption, and nothing is lost once it is back', async (_, pattern, message) => {
    const store = make()
    const machine = await filled(store)
    const key = await keyOf(store, pattern)
    const sound = await store.get(key)
    await store.delete([key])
    await expectRefused(store, machine, 'Corruption', message)
    await store.put(key, sound)
    await expectWhole(store, machine)
  })

  test('a table that is cut short is Corruption, and nothing is lost once it is back', async () => {
    const store = make()
    const machine = await filled(store)
    const key = await keyOf(store, /\.sst-/)
    const sound = await store.get(key)
    await store.put(key, cut(sound))
    await expectRefused(
      store,
      machine,
      'Corruption',
      /\.sst-[0-9a-f]+\) has \d+ bytes in the store instead of \d+/,
    )
    await store.put(key, sound)
    await expectWhole(store, machine)
  })

  test('a table with flipped bits fails the reads that meet them, and no other', async () => {
    const store = make()
    await filled(store)
    const key = await keyOf(store, /\.sst-/)
    const sound = await store.get(key)
    await store.put(key, flip(0)(sound))
    await new Machine(store).open(async (db) => {
      await expect(db.get('first')).rejects.toMatchObject({ code: 'Corruption' })
      expect(await db.get('second', utf8)).toBe('2')
    })
  })

  test('a missing CLOUDMANIFEST is reported to the writer, and nothing is lost once it is back', async () => {
    const store = make()
    const machine = await filled(store)
    const sound = await store.get('db/CLOUDMANIFEST')
    await store.delete(['db/CLOUDMANIFEST'])
    const error = await refusal(store, () => machine.open(nothing))
    expect(error).toMatchObject({ code: 'NotFound' })
    expect(error.message).toMatch(
      /has no database any more.*Bring its CLOUDMANIFEST back, or, to begin anew, move the local/,
    )
    await store.put('db/CLOUDMANIFEST', sound)
    await expectWhole(store, machine)
  })

  test('tables that vanish during a scan fail it, and the error says to open again', async () => {
    const store = make()
    const writer = new Machine(store)
    const env = cloudEnv(writer.options)
    const model = await fillLevels(writer.path, { env, keys: 1500 }).finally(() => env.close())
    const tables = [...(await store.list()).keys()].filter((key) => key.includes('.sst-'))
    const sound = await Promise.all(tables.map((key) => store.get(key)))
    const scan = (db: RocksDB, reverse: boolean) =>
      db.iterator({ reverse, keyEncoding: 'utf8', valueEncoding: 'utf8' })
    const { db } = await openBucket({ url: store.url('db'), connection: store.connection }, lazily)
    await new Machine(store).open(
      async (reader) => {
        const begun = [reader, db].flatMap((from) => [scan(from, false), scan(from, true)])
        for (const iterator of begun) await iterator.next()
        await store.delete(tables)
        for (const iterator of begun.slice(0, 2)) {
          await expect(all(iterator)).rejects.toMatchObject({
            code: 'PathNotFound',
            message: expect.stringMatching(/is gone from the store.*has to open the database again/),
          })
        }
        for (const iterator of begun.slice(2))
          await expect(all(iterator)).rejects.toThrow(/cannot read a range/)
        for (const [at, key] of tables.entries()) await store.put(key, sound[at]!)
        expect(await all(scan(reader, true))).toEqual([...model].reverse())
      },
      { readOnly: true, options: lazily },
    )
  })

  test('a table that vanishes while the database is open is an error, never a missing key', async () => {
    const store = make()
    // RocksDB reads the last 512 KiB of a table when it opens it.
    const value = randomBytes(1 << 20)
    await new Machine(store).open(async (db) => {
      await db.put('key', value)
      await db.flush()
    })
    const key = await keyOf(store, /\.sst-/)
    await new Machine(store).open(
      async (db) => {
        const sound = await store.get(key)
        await store.delete([key])
        const goneMessage = `${key} is gone from the store`
        await expect(db.get('key')).rejects.toThrow(goneMessage)
        expect(() => db.getSync('key')).toThrow(goneMessage)
        await expect(db.getMany(['key', 'none'])).rejects.toThrow(goneMessage)
        await expect(db.iterator().next()).rejects.toThrow(goneMessage)
        await store.put(key, sound)
        expect(await db.get('key')).toEqual(value)
      },
      { readOnly: true },
    )
  })
})
