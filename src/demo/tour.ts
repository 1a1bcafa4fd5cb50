/**
 * The tour, `npm run demo -- --tour`: a database is checkpointed, cloned and branched, loses data by accident, and gets it
 * back. The bucket is a directory.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { findDatabases } from '../catalog/find-databases.js'
import { openPlaces } from '../catalog/open-places.js'
import { readState } from '../catalog/read-state.js'
import { formatCount } from '../cli/output/text.js'
import {
  branchDatabase,
  checkpointDatabase,
  cloneDatabase,
  cloudEnv,
  type HostedCloudEnv,
  RocksDB,
  standAlone,
} from '../index.js'
import { cities } from './cities.js'
import { type DrawnLine, epochPicture } from './epoch-picture.js'
import { heading, measured } from './output.js'

/** @param machine an empty directory. */
export async function tour(machine: string): Promise<void> {
  const store = `file://${machine}/bucket`
  const prod = `${store}/prod`
  const rescued = `${store}/rescued`
  const open = async <T>(name: string, options: { readonly cookie?: string }, work: Work<T>): Promise<T> => {
    const root = join(machine, `data${options.cookie ?? ''}`)
    const env = cloudEnv({ store, root, ...options })
    const db = await RocksDB.open(join(root, name), { env })
    try {
      return await work(db, env)
    } finally {
      await db.close()
      await env.close()
    }
  }

  heading('1  A database, and a checkpoint')
  await open('prod', {}, async (db, env) => {
    await measured(env, 'Load the cities of three countries', () => load(db))
    await measured(env, 'Keep this state under a name', async () => {
      await checkpointDatabase(prod, 'monday')
    })
  })

  heading('2  An accident')
  await open('prod', {}, async (db, env) => {
    await measured(env, 'Somebody deletes Iceland', async () => {
      await db.batch([{ type: 'deleteRange', start: 'IS/', end: 'IS0' }])
      await db.flush()
      await db.compactRange()
    })
    await measured(
      env,
      (count) => `Towns of Iceland now: ${count}`,
      () => countOf(db, 'IS/'),
    )
    const then = await RocksDB.open(db.path, { env, at: 'monday' })
    await measured(
      env,
      (count) => `Towns of Iceland on monday: ${count}`,
      () => countOf(then, 'IS/'),
    )
    await then.close()
  })

  heading('3  A clone of the state before, and a branch')
  const clone = await cloneDatabase(prod, rescued, { at: 'monday' })
  console.log(`   Cloned ${clone.files} table without copying it`)
  await open('rescued', {}, async (db, env) => {
    await measured(
      env,
      (count) => `Towns of Iceland in the clone: ${count}`,
      () => countOf(db, 'IS/'),
    )
    await db.put('IS/Nýrbær', '{}')
    await db.flush()
  })
  await branchDatabase(prod, 'experiment')
  await open('prod', { cookie: 'experiment' }, async (db, env) => {
    await measured(env, 'The branch loses Norway, and nobody else does', async () => {
      await db.batch([{ type: 'deleteRange', start: 'NO/', end: 'NO0' }])
      await db.flush()
    })
  })

  heading('4  Lines of history, by their epochs')
  for (const line of epochPicture(await linesIn(store))) console.log(`   ${line}`)

  heading('5  The clone stands alone')
  const { copiedFiles } = await standAlone(rescued)
  console.log(`   Copied ${copiedFiles} table within the store`)
  await rm(join(machine, 'bucket/prod'), { recursive: true })
  console.log('   The original is gone, with its checkpoint and its branch')
  await open('rescued', {}, async (db, env) => {
    await measured(
      env,
      (count) => `Towns of Iceland in the clone: ${count}`,
      () => countOf(db, 'IS/'),
    )
  })
}

type Work<T> = (db: RocksDB, env: HostedCloudEnv) => Promise<T>

async function load(db: RocksDB): Promise<void> {
  const chosen = cities.filter(({ country }) => ['IS', 'NO', 'DK'].includes(country))
  await db.batch(
    chosen.map((city) => ({
      type: 'put',
      key: `${city.country}/${city.name}/${city.cityId}`,
      value: JSON.stringify(city),
    })),
  )
  await db.flush()
}

async function countOf(db: RocksDB, prefix: string): Promise<string> {
  let count = 0
  for await (const _ of db.iterator({ prefix })) count += 1
  return formatCount(count)
}

/** Lines of history of all databases in the store. */
async function linesIn(store: string): Promise<DrawnLine[]> {
  const lines: DrawnLine[] = []
  const [place] = await openPlaces(store, undefined, {})
  try {
    for await (const { place: database, cookies } of findDatabases(place)) {
      for (const cookie of cookies) {
        const { cloudManifest } = await readState([database], cookie)
        if (!cloudManifest) continue
        const epochs = [...cloudManifest.past.map(({ epoch }) => epoch), cloudManifest.current]
        lines.push({ epochs, label: cookie === '' ? database.path : `${database.path}, ${cookie}` })
      }
    }
  } finally {
    await place.store.close()
  }
  return lines
}
