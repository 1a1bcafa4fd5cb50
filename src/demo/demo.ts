/**
 * The tutorial: 135,000 cities go into RocksDB, the machine is lost, and the database comes back from its bucket.
 *
 *   npm run demo                                             the bucket is a directory; no server needed
 *   npm run demo -- s3://bucket/prefix --endpoint http://…   a real one; credentials as the AWS SDK finds them
 *   npm run demo -- --tour                                   checkpoints, clones and branches instead
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { formatBytes, formatCount } from '../cli/output/text.js'
import { type BatchOperation, cloudEnv, RocksDB } from '../index.js'
import { checkEndpoint } from '../store/store-url.js'
import { type City, cities, cityKey, nameKey } from './cities.js'
import { heading, measured, table } from './output.js'
import { filesIn, objectsIn } from './places.js'
import { tour } from './tour.js'

const { isTour, connection, store: chosenStore } = parseArguments()
const machine = await mkdtemp(join(tmpdir(), 'cloudenv-demo-'))
const store = chosenStore ?? `file://${machine}/bucket`
const root = join(machine, 'data')
const path = join(root, 'cities') // Its objects are below `cities/` in the store.

try {
  if (isTour) await tour(machine)
  else await tutorial()
} catch (error) {
  console.error(`\n✗ ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
} finally {
  await rm(machine, { recursive: true })
}

async function tutorial(): Promise<void> {
  await checkStoreIsEmpty()
  heading(`RocksDB ${RocksDB.libraryVersion}, tables in ${store}`)
  await load()
  await loseTheMachine()
  await askQuestions()
  heading('What next')
  if (chosenStore) console.log(`   What was written stays in ${store}: npx cloudenv info ${store}/cities`)
  console.log('   README.md has the ten lines that this takes, docs/cli what shows you a bucket.')
}

function parseArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        endpoint: { type: 'string' },
        region: { type: 'string' },
        tour: { type: 'boolean', default: false },
      },
    })
    const { tour: isTour, ...connection } = values
    if (connection.endpoint !== undefined) checkEndpoint(connection.endpoint)
    if (isTour && positionals.length > 0) throw new Error('the tour has a store of its own')
    return { isTour, connection, store: positionals[0] }
  } catch (error) {
    console.error(
      `${(error as Error).message}\nUsage: npm run demo -- [s3://bucket/prefix --endpoint http://… | --tour]`,
    )
    process.exit(2)
  }
}

async function load(): Promise<void> {
  heading('1  Load')
  const env = cloudEnv({ store, root, ...connection })
  const db = await measured(env, 'A new database', () => RocksDB.open(path, { env }))

  await measured(env, `${formatCount(cities.length)} cities, and an index of their names`, async () => {
    for (let start = 0; start < cities.length; start += 1000) {
      await db.batch(cities.slice(start, start + 1000).flatMap(putCity))
    }
  })
  await measured(env, 'Flush: from here on they outlive this machine', () => db.flush())

  await showWhatLiesWhere()
  await db.close()
  await env.close()
}

/** A city and its entry in the index. A batch is written as a whole or not at all. */
function putCity(city: City): BatchOperation[] {
  return [
    { type: 'put', key: cityKey(city), value: JSON.stringify(city) },
    { type: 'put', key: nameKey(city), value: cityKey(city) },
  ]
}

async function loseTheMachine(): Promise<void> {
  heading('2  Lose the machine')
  console.log(`   rm -r ${root}`)
  await rm(root, { recursive: true })
}

async function askQuestions(): Promise<void> {
  heading('3  Ask the bucket')
  const env = cloudEnv({ store, root, ...connection })
  const db = await measured(env, 'The same database, on an empty disk', () => RocksDB.open(path, { env }))

  const ask = (question: string, answer: (db: RocksDB) => Promise<string>) =>
    measured(
      env,
      (text) => `${question} ${text}`,
      () => answer(db),
    )
  await ask('How many people live in Reykjavík?', populationOfReykjavik)
  await ask('The largest towns of Iceland?', largestTownsOfIceland)
  await ask('How many Springfields are there?', countSpringfields)
  await ask('The same again?', countSpringfields)

  await db.close()
  await env.close()
}

/** Reads one key. */
async function populationOfReykjavik(db: RocksDB): Promise<string> {
  const value = await db.get('city/IS/Reykjavík/3413829', { valueEncoding: 'utf8' })
  return value === undefined ? 'Nobody knows' : formatCount((JSON.parse(value) as City).population)
}

/** Reads a range of keys. */
async function largestTownsOfIceland(db: RocksDB): Promise<string> {
  const towns: City[] = []
  for await (const [, value] of db.iterator({ prefix: 'city/IS/', valueEncoding: 'utf8' })) {
    towns.push(JSON.parse(value))
  }
  towns.sort((a, b) => b.population - a.population)
  return towns
    .slice(0, 3)
    .map(({ name }) => name)
    .join(', ')
}

/** Reads a range of the index, then the cities that it names, all at once. */
async function countSpringfields(db: RocksDB): Promise<string> {
  const keys: string[] = []
  for await (const [, key] of db.iterator({ prefix: 'name/Springfield/', valueEncoding: 'utf8' }))
    keys.push(key)
  const values = await db.getMany(keys, { valueEncoding: 'utf8' })
  const people = values.reduce((sum, value) => sum + (JSON.parse(value ?? '{}') as City).population, 0)
  return `${keys.length}, with ${formatCount(people)} people`
}

async function checkStoreIsEmpty(): Promise<void> {
  const objects = await objectsIn(store, connection)
  if (objects.size > 0)
    throw new Error(`${store} holds ${objects.size} objects already: choose another prefix`)
}

async function showWhatLiesWhere(): Promise<void> {
  const objects = await objectsIn(store, connection)
  const files = await filesIn(root)
  const stored = [...objects].map(([key, bytes]) => {
    const localCopy = files.get(`.cloudenv/cache/${key}`) ?? files.get(key)
    return [key, sizeOf(bytes), sizeOf(localCopy)]
  })
  const logs = [...files]
    .filter(([name]) => name.endsWith('.log'))
    .map(([name, bytes]) => [`${name}, the write-ahead log`, sizeOf(undefined), sizeOf(bytes)])
  table(['', 'in the store', 'on local disk'], [...stored, ...logs])
}

/** Size of a file, in bytes; `–` if there is none. */
function sizeOf(bytes: number | undefined): string {
  return bytes === undefined ? '–' : formatBytes(bytes)
}
