import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { RocksDB } from '#src/index.js'
import { keyAt } from '../support/filled-database.js'
import { newRoot } from '../support/machine.js'
import { writeManyTables } from '../support/many-tables.js'
import { mainTestStores } from '../support/test-stores.js'
import { type Request, roundTrips, Trace } from '../support/trace.js'

const isOfTable = ({ line }: Request) => line.includes('.sst')
const isList = ({ line }: Request) => line.startsWith('list')

describe.each(mainTestStores())('opening a database in $name', ({ make }) => {
  const store = make()
  const options = { ...store.connection, store: store.url(), ownershipCheckMs: 0 }
  const prefix = `${new URL(store.url()).pathname.slice(1)}/`

  test.each([
    { tables: 10, lists: 1, trips: 2 },
    { tables: 100, lists: 1, trips: 2 },
    // A listing has pages of 1,000 objects.
    { tables: 1000, lists: 2, trips: 3 },
  ])(
    'of $tables tables: $trips round trips and those of its tables, nothing asked twice',
    async (expected) => {
      const { tables, lists, trips } = expected
      const name = `db${tables}`
      await writeManyTables(store, name, tables)
      await store.put(`${name}/IDENTITY`, Buffer.from(randomUUID()))

      const open = async (readOnly: boolean) => {
        const root = newRoot()
        const trace = new Trace(prefix)
        const env = await trace.start({ ...options, root })
        const db = await RocksDB.open(join(root, name), { env, readOnly })
        expect(await db.get(keyAt(0))).toBeDefined()
        const requests = trace.takeRequests()
        await db.close()
        await env.close()
        return { ofTables: requests.filter(isOfTable), others: requests.filter((one) => !isOfTable(one)) }
      }

      const reader = await open(true)
      expect(reader.others.filter(isList)).toHaveLength(lists)
      // The listing comes with these: CLOUDMANIFEST, MANIFEST, IDENTITY.
      expect(reader.others).toHaveLength(lists + 3)
      expect(roundTrips(reader.others)).toBe(trips)
      // RocksDB opens up to 16 tables with the database, at the same time; two levels and level 0 may have the key.
      expect(reader.ofTables.length).toBeLessThanOrEqual(16 + 3)
      expect(new Set(reader.ofTables.map(({ line }) => line)).size).toBe(reader.ofTables.length)

      const { others } = await open(false)
      // What follows the claim is waited for by nobody.
      const writer = others.slice(0, 1 + others.findIndex(({ line }) => line === `put ${name}/CLOUDMANIFEST`))
      expect(writer.filter(isList)).toHaveLength(lists)
      // Another look once the LOCK is taken, and three writes that wait for each other.
      expect(roundTrips(writer)).toBe(trips + 1 + 3)
      expect(writer).toHaveLength(lists + 3 + 2 + 3)
    },
  )
})
