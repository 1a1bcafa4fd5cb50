import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { cloudEnv, type HostedEnv, RocksDB } from '#src/index.js'
import {
  type Fixture,
  type FixtureName,
  type FixtureView,
  fixtureSuite,
  haveFixtures,
  unpackFixture,
} from '../support/fixtures.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { mainTestStores, type TestStore } from '../support/test-stores.js'

/** SHA-256 over, for each pair in order: u32le(key length) key u32le(value length) value. */
async function digest(db: RocksDB, name: string): Promise<{ count: number; sha256: string }> {
  const hash = createHash('sha256')
  const length = Buffer.alloc(4)
  let count = 0
  for await (const [key, value] of db.iterator({ columnFamily: db.columnFamily(name) })) {
    for (const bytes of [key, value]) {
      length.writeUInt32LE(bytes.length)
      hash.update(length).update(bytes)
    }
    count += 1
  }
  return { count, sha256: hash.digest('hex') }
}

async function fill(store: TestStore, { directory, objects }: Fixture): Promise<void> {
  for (const { bucket, key } of objects) {
    await store.put(`${bucket}/${key}`, await readFile(join(directory, bucket, key)))
  }
}

function envOf(store: TestStore, root: string, { open }: FixtureView): { env: HostedEnv; path: string } {
  const { bucket, path } = open.dest ?? open.src
  const env = cloudEnv({
    ...store.connection,
    store: store.url(bucket),
    root,
    cookie: open.cookie_on_open,
    ...(open.dest && { source: store.url(`${open.src.bucket}/${open.src.path}`) }),
  })
  return { env, path: join(root, path) }
}

const newRoot = () => temporaryDirectory('cloudenv-root')

const names: readonly FixtureName[] = ['newdb', 'simple', 'epochs', 'garbage', 'cfs', 'clone', 'cookie']

describe.runIf(haveFixtures)(fixtureSuite('databases of rocksdb-cloud'), () => {
  describe.each(mainTestStores())('in $name', ({ make }) => {
    test.each(names)('%s opens read-only with its content, and the bucket is unchanged', async (name) => {
      const fixture = unpackFixture(name)
      const store = make()
      await fill(store, fixture)
      const before = await store.list()
      for (const view of fixture.views) {
        const { env, path } = envOf(store, newRoot(), view)
        const families = view.column_families.map((family) => family.name)
        expect((await RocksDB.listColumnFamilies(path, { env })).sort()).toEqual([...families].sort())
        const db = await RocksDB.open(path, { env, readOnly: true })
        for (const { name: family, count, sha256 } of view.column_families) {
          expect(await digest(db, family), `${view.label}, ${family}`).toEqual({ count, sha256 })
        }
        await db.close()
        await env.close()
      }
      expect(await store.list()).toEqual(before)
    })

    test('tables of format_version 6 open if RocksDB knows it, and otherwise give one clear error', async () => {
      const fixture = unpackFixture('newdb-format6')
      const store = make()
      await fill(store, fixture)
      const [view] = fixture.views
      const [family] = view!.column_families
      const { env, path } = envOf(store, newRoot(), view!)
      if (knowsFormat6(RocksDB.libraryVersion)) {
        const db = await RocksDB.open(path, { env, readOnly: true })
        expect(await digest(db, 'default')).toEqual({ count: family!.count, sha256: family!.sha256 })
        await db.close()
      } else {
        const read = async () => {
          const db = await RocksDB.open(path, { env, readOnly: true })
          await digest(db, 'default').finally(() => db.close())
        }
        await expect(read()).rejects.toThrow(/version/i)
      }
      await env.close()
    })
  })
})

function knowsFormat6(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > 8 || (major === 8 && minor >= 6)
}

beforeAll(() => {
  if (!haveFixtures) console.warn('Skipping the databases of rocksdb-cloud: ../shared/fixtures is missing')
})
