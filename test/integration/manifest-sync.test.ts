import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readManifest } from '#src/catalog/manifest.js'
import { createCloudEnv } from '#src/cloud/cloud-env.js'
import { EnvHost } from '#src/host/env-host.js'
import { cloudEnv, RocksDB } from '#src/index.js'
import { newRoot } from '../support/machine.js'

test('bytes_per_sync never commits a MANIFEST that RocksDB has not finished writing', async () => {
  const directory = newRoot()
  const root = newRoot()
  const path = join(root, 'db')
  const options = { store: `file://${directory}`, root }
  const columnFamilies: number[] = []
  const env = await createCloudEnv(options, {
    onRequest({ operation, key }) {
      if (operation !== 'put' || !key.includes('/MANIFEST-')) return
      columnFamilies.push(readManifest(readFileSync(join(directory, key))).columnFamilies.size)
    },
  })
  const host = await EnvHost.listen(env, join(newRoot(), 'env.sock'))
  const hosted = {
    start: async () => host.socketPath,
    defaultOptions: cloudEnv(options).defaultOptions,
    metrics: async () => undefined,
    close: () => host.close(),
  }
  // RocksDB syncs a range once a file has more than 1 MiB: names of 50 KB make such a MANIFEST.
  const names = Array.from({ length: 50 }, (_, index) => `${index} ${'x'.repeat(50_000)}`)
  const open = () =>
    RocksDB.open(path, {
      env: hosted,
      options: { bytes_per_sync: 4096, max_manifest_file_size: 1 << 30 },
      columnFamilies: Object.fromEntries(names.map((name) => [name, {}])),
    })
  const db = await open()
  await db.close()
  columnFamilies.length = 0
  await (await open()).close()
  await host.close()
  expect(columnFamilies.length).toBeGreaterThan(0)
  expect(columnFamilies.filter((count) => count !== names.length + 1)).toEqual([])
})
