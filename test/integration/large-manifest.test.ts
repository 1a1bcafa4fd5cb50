import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cloudEnv, RocksDB } from '#src/index.js'
import { keyAt } from '../support/filled-database.js'
import { newRoot } from '../support/machine.js'
import { writeManyTables } from '../support/many-tables.js'
import { mainTestStores } from '../support/test-stores.js'

test('commits of a database whose MANIFEST begins with more than its limit do not begin a new one each', async () => {
  const store = mainTestStores()[0]!.make()
  // Each table has two keys of 800 bytes: 1.2 MB, and our limit is 1 MiB.
  await writeManyTables(store, 'db', 700, (index) => keyAt(index).padEnd(800, '-'))
  const root = newRoot()
  const env = cloudEnv({ store: store.url(), root })
  const db = await RocksDB.open(join(root, 'db'), { env, options: { disable_auto_compactions: true } })
  for (const value of ['1', '2', '3']) {
    await db.put('key', value)
    await db.flush()
  }
  await db.close()
  await env.close()

  const names = [...(await store.list()).keys()]
  expect(names.filter((name) => name.includes('HISTORY-'))).toEqual([])
  const manifests = await Promise.all(
    names.filter((name) => name.includes('MANIFEST-')).map((name) => store.get(name)),
  )
  expect(Math.max(...manifests.map(({ length }) => length))).toBeGreaterThan(1 << 20)
})
