import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readManifest } from '#src/catalog/manifest.js'
import { decodeCloudManifest, encodeCloudManifest } from '#src/format/cloud-manifest.js'
import { addEpoch, epochOf } from '#src/format/epoch.js'
import { objectName, parseObjectName } from '#src/format/file-name.js'
import { encodeLog, readLog } from '#src/format/log-record.js'
import { type Fixture, fixtureNames, fixtureSuite, haveFixtures, unpackFixture } from '../support/fixtures.js'

describe.skipIf(!haveFixtures)(fixtureSuite('what rocksdb-cloud wrote'), () => {
  describe.each(fixtureNames)('%s', (name) => {
    const fixture = haveFixtures ? unpackFixture(name) : ({} as Fixture)
    const read = (bucket: string, key: string) => readFileSync(join(fixture.directory, bucket, key))
    const baseName = (key: string) => key.slice(key.lastIndexOf('/') + 1)
    const objectsOf = (kind: string) =>
      fixture.objects
        .filter(({ key }) => !key.startsWith('.rockset/'))
        .map((object) => ({ ...object, parsed: parseObjectName(baseName(object.key)) }))
        .filter(({ parsed }) => parsed?.kind === kind)

    test('every object of the database has a name that is understood', () => {
      for (const { key } of fixture.objects.filter(({ key }) => !key.startsWith('.rockset/'))) {
        const parsed = parseObjectName(baseName(key))
        expect(parsed, key).toBeDefined()
        expect(objectName(parsed!)).toBe(baseName(key))
      }
    })

    test('each CLOUDMANIFEST is written again byte for byte', () => {
      const manifests = objectsOf('cloudManifest')
      expect(manifests.length).toBeGreaterThan(0)
      for (const { bucket, key } of manifests) {
        const bytes = read(bucket, key)
        expect(Buffer.compare(encodeCloudManifest(decodeCloudManifest(bytes)), bytes), key).toBe(0)
      }
    })

    test('each MANIFEST is written again record for record, byte for byte', () => {
      for (const { bucket, key } of objectsOf('manifest')) {
        const bytes = read(bucket, key)
        const payloads = [...readLog(bytes, { name: key, tail: 'strict' })].map(({ payload }) => payload)
        expect(Buffer.compare(encodeLog(payloads), bytes), key).toBe(0)
      }
    })

    test('each MANIFEST says what ldb says of it', () => {
      for (const { bucket, key } of objectsOf('manifest')) {
        const dump = readFileSync(join(fixture.directory, 'dump', `${baseName(key)}.txt`), 'utf8')
        expect(summary(read(bucket, key)), key).toEqual(summaryOfDump(dump))
      }
    })

    test('every live table of each view is where the CLOUDMANIFEST says it is, with its size', () => {
      for (const view of fixture.views) {
        const { src, dest, cookie_on_open: cookie } = view.open
        const places = dest ? [dest, src] : [src]
        const find = (object: string) =>
          places
            .map(({ bucket, path }) =>
              fixture.objects.find((o) => o.bucket === bucket && o.key === `${path}/${object}`),
            )
            .find((object) => object !== undefined)
        const root = find(objectName({ kind: 'cloudManifest', cookie }))!
        const cloudManifest = decodeCloudManifest(read(root.bucket, root.key))
        const manifestObject = find(objectName({ kind: 'manifest', epoch: cloudManifest.current }))!
        const manifest = readManifest(read(manifestObject.bucket, manifestObject.key), { tail: 'strict' })
        expect(manifest.liveTables.size, view.label).toBeGreaterThan(0)
        for (const { number, size } of manifest.liveTables.values()) {
          const name = objectName({ kind: 'table', number, epoch: epochOf(cloudManifest, number) })
          expect(find(name)?.size, `${view.label}: ${name}`).toBe(size)
        }
        expect(new Set([...manifest.columnFamilies.values()].map(({ name }) => name))).toEqual(
          new Set(view.column_families.map(({ name }) => name)),
        )
      }
    })

    test('each past epoch ends at the last next-file-number of its MANIFEST, where that is still there', () => {
      for (const { bucket, key } of objectsOf('cloudManifest')) {
        const { past, current } = decodeCloudManifest(read(bucket, key))
        past.forEach(({ epoch, end }, index) => {
          const path = join(fixture.directory, bucket, key, '..', objectName({ kind: 'manifest', epoch }))
          if (!existsSync(path)) return
          const { lastNextFileNumber } = readManifest(readFileSync(path))
          expect(lastNextFileNumber, `${key}: ${epoch}`).toBe(end)
          const before = { past: past.slice(0, index), current: epoch }
          const after = { past: past.slice(0, index + 1), current: past[index + 1]?.epoch ?? current }
          expect(addEpoch(before, lastNextFileNumber, after.current)).toEqual(after)
        })
      }
    })
  })
})

interface Summary {
  readonly lastSequence: number
  readonly minLogNumberToKeep: number
  readonly lastNextFileNumber: number
  readonly columnFamilies: readonly {
    readonly id: number
    readonly name: string
    readonly logNumber: number
    readonly comparator: string | undefined
    readonly tables: readonly string[]
  }[]
}

function summary(bytes: Uint8Array): Summary {
  const { columnFamilies, liveTables, lastSequence, minLogNumberToKeep, lastNextFileNumber } =
    readManifest(bytes)
  return {
    lastSequence,
    minLogNumberToKeep,
    lastNextFileNumber,
    columnFamilies: [...columnFamilies.values()].map(({ id, name, logNumber, comparator }) => ({
      id,
      name,
      logNumber,
      comparator,
      tables: [...liveTables.values()]
        .filter((table) => table.columnFamily === id)
        .map(({ number, size }) => `${number}:${size}`)
        .sort(),
    })),
  }
}

function summaryOfDump(dump: string): Summary {
  const tail = dump.slice(dump.indexOf('--------------- Column family'))
  const number = (pattern: RegExp, text: string) => Number(pattern.exec(text)?.[1])
  return {
    lastSequence: number(/last_sequence (\d+)/, tail),
    minLogNumberToKeep: number(/min_log_number_to_keep (\d+)/, tail),
    // ldb prints the next number that RocksDB would use, one more than what it read.
    lastNextFileNumber: number(/next_file_number (\d+)/, tail) - 1,
    columnFamilies: tail
      .split('--------------- Column family ')
      .slice(1)
      .map((section) => ({
        id: number(/\(ID (\d+)\)/, section),
        name: /^"([^"]*)"/.exec(section)?.[1] ?? '',
        logNumber: number(/log number: (\d+)/, section),
        comparator: /comparator: (\S+)/.exec(section)?.[1],
        tables: [...section.matchAll(/^ (\d+:\d+)\[/gm)].map((match) => match[1]!).sort(),
      })),
  }
}
