import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Fixture,
  type FixtureName,
  type FixturePath,
  type FixtureView,
  fixtureNames,
  haveFixtures,
  unpackFixture,
} from './fixtures.js'
import type { TestStore } from './test-stores.js'

/** A database of a fixture, and the output of RocksDB's own tools for it. */
export interface FixtureDatabase {
  /** Name for test titles. */
  readonly title: string
  readonly fixture: Fixture
  readonly view: FixtureView
  /** Its own place, then that of its source. */
  readonly paths: readonly [FixturePath, ...FixturePath[]]
  readonly cookie: string
  /** Epoch of the MANIFEST that its CLOUDMANIFEST names. */
  readonly epoch: string
  /** Tables that `ldb manifest_dump` lists. */
  readonly tables: readonly DumpedTable[]
}

export interface DumpedTable {
  readonly number: number
  /** The last part of the object's key. */
  readonly objectName: string
  readonly columnFamily: string
  readonly level: number
  readonly size: number
  readonly sequences: readonly [smallest: bigint, largest: bigint]
  readonly keys: readonly [smallest: string, largest: string]
  /** Count by `sst_dump`. */
  readonly entries: number
}

/** Each view of each fixture; none without fixtures. */
export function fixtureDatabases(names: readonly FixtureName[] = fixtureNames): FixtureDatabase[] {
  if (!haveFixtures) return []
  return names.flatMap((name) => {
    const fixture = unpackFixture(name)
    return fixture.views.map((view) => fixtureDatabase(name, fixture, view))
  })
}

function fixtureDatabase(name: FixtureName, fixture: Fixture, view: FixtureView): FixtureDatabase {
  const { src, dest, cookie_on_open: cookie } = view.open
  const own = dest ?? src
  const root = cookie === '' ? 'CLOUDMANIFEST' : `CLOUDMANIFEST-${cookie}`
  const bytes = readFileSync(join(fixture.directory, own.bucket, own.path, root))
  // The present epoch is the last thing in a CLOUDMANIFEST.
  const epoch = /[0-9a-f]+$/.exec(bytes.toString('latin1'))![0]
  const dump = readFileSync(join(fixture.directory, 'dump', `MANIFEST-${epoch}.txt`), 'utf8')
  return {
    title: `${name}, ${view.label}`,
    fixture,
    view,
    paths: dest ? [dest, src] : [src],
    cookie,
    epoch,
    tables: dumpedTables(dump, fixture),
  }
}

function dumpedTables(dump: string, { directory, objects }: Fixture): DumpedTable[] {
  const start = dump.indexOf('--------------- Column family')
  const levels = new Map(
    [...dump.slice(0, start).matchAll(/AddFile: (\d+) (\d+) /g)].map(([, level, number]) => [number, level]),
  )
  const line =
    /^ (\d+):(\d+)\[(\d+) \.\. (\d+)\]\['(.*)' seq:\d+, type:\d+ \.\. '(.*)' seq:\d+, type:\d+\]$/gm
  return dump
    .slice(start)
    .split('--------------- Column family ')
    .slice(1)
    .flatMap((section) =>
      [...section.matchAll(line)].map(([, number, size, first, last, smallest, largest]) => {
        const prefix = `${number!.padStart(6, '0')}.sst-`
        const key = objects.map((object) => object.key).find((key) => key.includes(`/${prefix}`))!
        const objectName = key.slice(key.lastIndexOf('/') + 1)
        const table = readFileSync(join(directory, 'dump', `${objectName}.txt`), 'utf8')
        return {
          number: Number(number),
          objectName,
          columnFamily: /^"([^"]*)"/.exec(section)![1]!,
          level: Number(levels.get(number!)),
          size: Number(size),
          sequences: [BigInt(first!), BigInt(last!)],
          keys: [smallest!, largest!],
          entries: Number(/# entries: (\d+)/.exec(table)![1]),
        } as const
      }),
    )
}

/** URL of the database, and the options of `cloudenv` for the rest, with its buckets side by side in the store. */
export function fixtureArguments(
  { paths, cookie }: FixtureDatabase,
  store: Pick<TestStore, 'url'>,
): string[] {
  const [own, source] = paths.map(({ bucket, path }) => store.url(`${bucket}/${path}`))
  return [
    own!,
    ...(source === undefined ? [] : ['--source', source]),
    ...(cookie === '' ? [] : ['--cookie', cookie]),
  ]
}

/** A store whose root is the directory of the fixture. */
export function fixtureStore({ fixture }: FixtureDatabase): Pick<TestStore, 'url'> {
  return { url: (path = '') => `file://${join(fixture.directory, path)}` }
}

/** Sizes of the objects at the database's own place, by the last part of the key. */
export function ownObjects({ fixture, paths: [own] }: FixtureDatabase): Map<string, number> {
  const prefix = `${own.path}/`
  return new Map(
    fixture.objects
      .filter(({ bucket, key }) => bucket === own.bucket && key.startsWith(prefix))
      .map(({ key, size }) => [key.slice(prefix.length), size]),
  )
}

/** Every file below the fixture's directory, with metadata that changes when it is written. */
export function filesOf({ fixture: { directory } }: FixtureDatabase): Record<string, string> {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  return Object.fromEntries(
    names.map((name) => {
      const path = join(directory, name)
      const { mtimeMs } = statSync(path)
      const content = statSync(path).isFile() ? readFileSync(path) : Buffer.alloc(0)
      return [name, `${createHash('sha256').update(content).digest('hex')} ${mtimeMs}`]
    }),
  )
}
