import { randomUUID } from 'node:crypto'
import { EnvError } from '../env/env-error.js'
import { type ObjectStore, PreconditionFailed } from './object-store.js'

/**
 * Makes sure that the store honours conditional writes, on which ownership of a database rests: some
 * servers accept `If-None-Match: *` and overwrite all the same. Writes a small object below `prefix` and
 * deletes it again.
 * @throws EnvError NotSupported
 */
export async function assertConditionalPuts(store: ObjectStore, prefix = ''): Promise<void> {
  const name = `.cloudenv-probe-${randomUUID()}`
  const key = prefix === '' ? name : `${prefix}/${name}`
  try {
    const { etag } = await store.put(key, Buffer.from('1'), { condition: 'absent' })
    await assertRefused(store, key, 'absent', 'only where no object is there')
    const { etag: next } = await store.put(key, Buffer.from('22'), { condition: { etag } })
    if (next === etag) throw dishonest(store, 'gives an object that changed the ETag that it had before')
    await assertRefused(store, key, { etag }, 'only where the object has a given ETag')
  } finally {
    await store.deleteMany([key])
  }
}

async function assertRefused(
  store: ObjectStore,
  key: string,
  condition: 'absent' | { readonly etag: string },
  meaning: string,
): Promise<void> {
  try {
    await store.put(key, Buffer.from('333'), { condition })
  } catch (error) {
    if (error instanceof PreconditionFailed) return
    throw error
  }
  throw dishonest(store, `overwrites an object that it was told to write ${meaning}`)
}

function dishonest(store: ObjectStore, what: string): EnvError {
  return new EnvError(
    'NotSupported',
    `${store.url} ${what}, so two writers could not be told apart and would lose data. ` +
      'Use a store with conditional writes (If-Match and If-None-Match), such as S3 or MinIO',
  )
}
