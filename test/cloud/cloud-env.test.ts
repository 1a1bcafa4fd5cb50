import { existsSync } from 'node:fs'
import { mkdir, open, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test, vi } from 'vitest'
import { createCloudEnv } from '#src/cloud/cloud-env.js'
import { cloudEnv, RocksDB } from '#src/index.js'
import { Machine, newRoot } from '../support/machine.js'
import { mainTestStores, type TestStore } from '../support/test-stores.js'

test('an Env that cannot release one database releases the others, and its cache', async () => {
  const root = newRoot()
  const directory = newRoot()
  const options = { store: pathToFileURL(directory).href, root }
  const env = await createCloudEnv(options)
  for (const name of ['a', 'b']) {
    await mkdir(join(root, name))
    await env.lockFile(join(root, name, 'LOCK'))
    expect(existsSync(join(root, name, 'CLOUDENV'))).toBe(true)
  }
  // The release deletes a destroyed database, and a link that leads to itself can't be read.
  await expect(env.deleteFile(join(root, 'a/CURRENT'))).rejects.toMatchObject({ code: 'NotFound' })
  await symlink(join(directory, 'a'), join(directory, 'a'))
  await expect(env.close()).rejects.toThrow(/get .*\/a\/CLOUDMANIFEST/)
  expect(existsSync(join(root, 'b/CLOUDENV')), 'b is let go').toBe(false)

  const next = await createCloudEnv(options)
  expect(await readdir(join(root, '.cloudenv')), 'it has the cache').not.toContain('cache-2')
  await next.close()
})

test('a table that RocksDB reopens to ingest it stays as it is, wherever it lies by then', async () => {
  const root = newRoot()
  const directory = join(root, 'db')
  await mkdir(directory)
  const ingested = join(newRoot(), 'ingested.sst')
  await writeFile(ingested, 'content')
  const env = await createCloudEnv({ store: pathToFileURL(newRoot()).href, root })
  await env.lockFile(join(directory, 'LOCK'))
  const path = join(directory, '000009.sst')
  await env.linkFile(ingested, path)
  const tables = async () => (await readdir(directory)).filter((name) => name.includes('.sst'))
  await vi.waitFor(async () => expect(await tables(), 'it moves into the cache').toEqual([]))
  const file = await env.reopenWritableFile(path)
  // The bridge creates a local file that is missing.
  if (file.kind === 'local') await (await open(file.path, 'a')).close()
  else await file.sync()
  expect(await tables()).toEqual([])
  await env.close()
})

const utf8 = { valueEncoding: 'utf8' } as const
const { make } = mainTestStores()[0]!

/** Takes the database over from elsewhere, and waits until its owner knows. */
async function displace(store: TestStore, owner: RocksDB, name: string): Promise<void> {
  const other = new Machine(store)
  await other.open(() => undefined, { path: join(other.root, name) })
  await owner.put('displaced', '1')
  await expect(owner.flush()).rejects.toMatchObject({ code: 'IOFenced' })
  await expect(owner.put('displaced', '2')).rejects.toMatchObject({ code: 'IOFenced' })
}

test('an owner displaced from a database keeps those nested in it, and each is fenced separately', async () => {
  const store = make()
  const { options, path } = new Machine(store)
  const env = cloudEnv(options)
  const nestedPath = join(path, 'nested')
  const open = (directory: string) => RocksDB.open(directory, { env })
  const outer = await open(path)
  let nested = await open(nestedPath)
  // One that was open before too, but not now.
  await (await open(join(path, 'closed'))).close()

  await displace(store, outer, 'db')
  await nested.put('a', '1')
  await nested.flush()
  await nested.close()
  nested = await open(nestedPath)
  await nested.put('b', '2')
  await nested.flush()
  for (const name of ['closed', 'new']) {
    const inner = await open(join(path, name))
    await inner.put('a', '1')
    await inner.flush()
    await inner.close()
  }

  // Taking the outer one back opens no way around the fences of the nested one.
  await outer.close({ flush: false })
  const taken = await open(path)
  await taken.put('c', '3')
  await taken.flush()
  await displace(store, nested, 'db/nested')
  await taken.put('d', '4')
  await taken.flush()
  expect(await taken.getMany(['c', 'd'], utf8)).toEqual(['3', '4'])
  await nested.close({ flush: false })
  nested = await open(nestedPath)
  expect(await nested.getMany(['a', 'b'], utf8)).toEqual(['1', '2'])
  for (const db of [taken, nested]) await db.close()
  await env.close()
})
