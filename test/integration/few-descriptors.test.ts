import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { runChild } from '../support/child.js'
import { Machine, newRoot } from '../support/machine.js'
import { mainTestStores } from '../support/test-stores.js'

const rows = 1000

test('a program with 256 descriptors reads a database of more tables than that', async () => {
  const store = mainTestStores()[0]!.make()
  const options = { target_file_size_base: 4096, compression: 'kNoCompression' }
  await new Machine(store).open(
    async (db) => {
      // Two overlapping tables, because RocksDB 9 moves a single one without rewriting it.
      for (const parity of [0, 1]) {
        for (let row = parity; row < rows; row += 2) await db.put(`row ${row}`, randomBytes(3000))
        await db.flush()
      }
      await db.compactRange()
    },
    { options },
  )
  const tables = [...(await store.list()).keys()].filter((key) => key.includes('.sst-'))
  expect(tables.length).toBeGreaterThan(300)

  const reader = runChild(readAll, [store.url(), newRoot()], { openFiles: 256 })
  expect(await reader.lines.next()).toMatchObject({ value: `${rows} rows` })
  expect(await reader.ended).toBe(0)
})

const readAll = `
const { cloudEnv, RocksDB } = await load('index.js')
const [store, root] = args
const env = cloudEnv({ store, root })
const db = await RocksDB.open(root + '/db', { env, readOnly: true })
let rows = 0
for await (const [key] of db.iterator()) if (await db.get(key)) rows += 1
await db.close()
await env.close()
console.log(rows + ' rows')
`
