import { EnvError } from '../env/env-error.js'
import { type Random, realSystem } from '../env/system.js'
import { CasObject } from './cas-object.js'
import { type ObjectStore, PreconditionFailed } from './object-store.js'

/**
 * Makes sure that the store honours conditional writes, on which ownership of a database rests: some servers accept
 * `If-None-Match: *` and overwrite anyway. Writes a small object below `prefix` and deletes it again.
 * @throws EnvError NotSupported
 */
export async function assertConditionalPuts(
  store: ObjectStore,
  prefix = '',
  random: Random = realSystem.random,
): Promise<void> {
  const name = `.cloudenv-probe-${random.uuid()}`
  const key = prefix === '' ? name : `${prefix}/${name}`
  try {
    const probe = new CasObject(store, key, undefined, random)
    const etag = await write(store, probe, '1')
    await assertRefused(store, key, 'absent', 'only where no object is there')
    const next = await write(store, probe, '22')
    if (next === etag) throw unusableStore(store, 'gives an object that changed the ETag that it had before')
    await assertRefused(store, key, { etag }, 'only where the object has a given ETag')
    if ((await store.get(key)).etag !== next)
      throw unusableStore(store, 'gives another ETag with an object that is read than when it was written')
  } finally {
    // A leftover harms nobody; cloudenv gc knows it.
    await store.deleteMany([key]).catch(() => {})
  }
}

/** @returns its ETag. */
async function write(store: ObjectStore, probe: CasObject, content: string): Promise<string> {
  const outcome = await probe.write(Buffer.from(content))
  if (outcome.kind === 'written') return outcome.etag
  throw unusableStore(
    store,
    'does not keep an object, with its metadata, under a name that nobody else knows',
  )
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
  throw unusableStore(store, `overwrites an object that it was told to write ${meaning}`)
}

function unusableStore(store: ObjectStore, what: string): EnvError {
  return new EnvError(
    'NotSupported',
    `${store.url} ${what}, so two writers could not be told apart and would lose data. ` +
      'Use a store with conditional writes (If-Match and If-None-Match), such as S3 or MinIO',
  )
}
