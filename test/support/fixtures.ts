// Buckets written by the real rocksdb-cloud. They are not part of the project: without the folder, tests that need them
// are reported as skipped.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from './temporary-directory.ts'

const archives = join(import.meta.dirname, '../../../shared/fixtures/rocksdb-cloud')

export const fixtureNames = [
  'newdb',
  'simple',
  'epochs',
  'garbage',
  'cfs',
  'clone',
  'cookie',
  'newdb-format6',
] as const
export type FixtureName = (typeof fixtureNames)[number]

export const haveFixtures = existsSync(archives)

/** A suite name that explains itself when it is skipped. */
export const fixtureSuite = (title: string): string =>
  haveFixtures ? title : `${title} (skipped: no ../shared/fixtures)`

export interface FixtureView {
  readonly label: string
  readonly open: { readonly src: FixturePath; readonly dest?: FixturePath; readonly cookie_on_open: string }
  readonly column_families: readonly {
    readonly name: string
    readonly count: number
    readonly sha256: string
  }[]
}

export interface FixturePath {
  readonly bucket: string
  readonly path: string
}

export interface FixtureObject {
  readonly bucket: string
  readonly key: string
  readonly size: number
  readonly sha256: string
  readonly metadata?: Readonly<Record<string, string>>
}

export interface Fixture {
  /** Holds a directory for each bucket, and `dump`. */
  readonly directory: string
  readonly views: readonly FixtureView[]
  readonly objects: readonly FixtureObject[]
}

/** Unpacks the fixture into a directory of its own, removed after the test file. */
export function unpackFixture(name: FixtureName): Fixture {
  const parent = temporaryDirectory('cloudenv-fixture')
  execFileSync('tar', ['-xzf', join(archives, `${name}.tar.gz`), '-C', parent])
  const directory = join(parent, name)
  const { views, objects } = JSON.parse(readFileSync(join(directory, 'expected.json'), 'utf8'))
  return { directory, views, objects }
}
