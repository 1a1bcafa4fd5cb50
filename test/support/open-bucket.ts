import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { bucketDirectory } from '#src/cloud/bucket-directory.js'
import type { BucketEnvMetrics, BucketEnvOptions } from '#src/cloud/bucket-env.js'
import { hostedEnv, RocksDB, type RocksDBOptions } from '#src/index.js'
import type { Fixture } from './fixtures.ts'
import type { TestStore } from './test-stores.ts'

export interface OpenBucket {
  readonly db: RocksDB
  /** Requests by now, of every kind. */
  requests(): Promise<number>
  metrics(): Promise<BucketEnvMetrics>
}

/** A database in a bucket, opened as `cloudenv get` does it, closed when the test ends. */
export async function openBucket(
  options: BucketEnvOptions,
  engineOptions: RocksDBOptions = {},
): Promise<OpenBucket> {
  const env = hostedEnv({
    module: new URL(import.meta.resolve('#src/cloud/bucket-env.js')),
    export: 'createBucketEnv',
    options,
  })
  onTestFinished(() => env.close())
  await env.start()
  const db = await RocksDB.open(bucketDirectory, {
    env,
    readOnly: true,
    onlyNamedFamilies: true,
    options: { max_open_files: 20, paranoid_checks: false, ...engineOptions },
  })
  onTestFinished(() => db.close())
  const metrics = async () => (await env.metrics()) as BucketEnvMetrics
  return {
    db,
    metrics,
    requests: async () => {
      const { store } = await metrics()
      return Object.values(store).reduce((sum, { requests }) => sum + requests, 0)
    },
  }
}

/** Puts the buckets of a fixture into a store, side by side. */
export async function putFixture(store: TestStore, { directory, objects }: Fixture): Promise<void> {
  for (const { bucket, key } of objects) {
    await store.put(`${bucket}/${key}`, await readFile(join(directory, bucket, key)))
  }
}

/** SHA-256 over, for each pair in order: u32le(key length) key u32le(value length) value. */
export class Digest {
  readonly #hash = createHash('sha256')
  count = 0

  add(key: Uint8Array, value: Uint8Array): void {
    const length = Buffer.alloc(4)
    for (const bytes of [key, value]) {
      length.writeUInt32LE(bytes.length)
      this.#hash.update(length).update(bytes)
    }
    this.count += 1
  }

  result(): { readonly count: number; readonly sha256: string } {
    return { count: this.count, sha256: this.#hash.digest('hex') }
  }
}

/** A directory that is removed when the test ends. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'cloudenv-inspect-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}
