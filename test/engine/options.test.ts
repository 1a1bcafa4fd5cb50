import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { RocksDB } from '#src/index.js'
import { newPath, openDatabase } from './open-database.ts'

/** Contents of the newest OPTIONS file of RocksDB. */
function optionsFile(path: string): string {
  const newest = readdirSync(path)
    .filter((name) => /^OPTIONS-\d+$/.test(name))
    .sort()
    .at(-1)!
  return readFileSync(join(path, newest), 'utf8')
}

test('options reach the part of RocksDB that they belong to', async () => {
  const db = await openDatabase({
    options: {
      max_background_jobs: 7,
      use_fsync: true,
      write_buffer_size: '3M',
      max_bytes_for_level_multiplier: 7.5,
      compression: 'kNoCompression',
      block_based_table_factory: { block_size: 16_384, filter_policy: 'bloomfilter:10:false' },
      compression_opts: { level: 3 },
    },
    columnFamilies: {
      other: { compression: 'kLZ4Compression', block_based_table_factory: { block_size: 8192 } },
    },
  })
  const [database, rest] = optionsFile(db.path).split('[CFOptions "default"]') as [string, string]
  const [family, other] = rest.split('[CFOptions "other"]') as [string, string]
  expect(database).toContain('max_background_jobs=7')
  expect(database).toContain('use_fsync=true')
  expect(family).toContain(`write_buffer_size=${3 << 20}`)
  expect(family).toContain('max_bytes_for_level_multiplier=7.5')
  expect(family).toContain('compression=kNoCompression')
  expect(family).toContain('block_size=16384')
  expect(family).toMatch(/filter_policy=.*bloom/i)
  expect(family).toContain('level=3')
  expect(other).toContain(`write_buffer_size=${3 << 20}`)
  expect(other).toContain('compression=kLZ4Compression')
  expect(other).toContain('block_size=8192')
  expect(other).toMatch(/filter_policy=.*bloom/i)
})

test.each([
  [
    { max_background_jobz: 4 },
    RangeError,
    'unknown option "max_background_jobz", did you mean "max_background_jobs"?',
  ],
  [{ writebuffersize: 4 }, RangeError, 'did you mean "write_buffer_size"?'],
  [{ quite_something_else: 1 }, RangeError, 'unknown option "quite_something_else"'],
  [
    { max_background_jobs: 'lots' },
    TypeError,
    'expected option "max_background_jobs" to be an integer or a size such as "64 MB", got "lots"',
  ],
  [{ max_background_jobs: 1.5 }, TypeError, 'to be an integer or a size such as "64 MB", got "1.5"'],
  [{ max_background_jobs: true }, TypeError, 'to be an integer or a size such as "64 MB", got "true"'],
  [{ max_background_jobs: Number.NaN }, TypeError, 'a finite number'],
  [{ write_buffer_size: null }, TypeError, 'expected option "write_buffer_size" to be a string'],
  [{ use_fsync: 'maybe' }, TypeError, 'expected option "use_fsync" to be true or false, got "maybe"'],
  [{ max_bytes_for_level_multiplier: 'x' }, TypeError, 'to be a number, got "x"'],
  [{ compression: 'kMagic' }, RangeError, 'expected option "compression" to be one of kNoCompression, '],
  [{ compression: 'kXpressCompression' }, RangeError, 'kLZ4HCCompression, kZSTD'],
  [{ info_log_level: 'LOUD' }, TypeError, 'RocksDB refuses option "info_log_level" = "LOUD"'],
  [{ merge_operator: 'no such operator' }, TypeError, 'no such operator'],
  [{ block_based_table_factory: { blok_size: 1 } }, TypeError, 'blok_size'],
  [{ block_based_table_factory: { block_size: 'x' } }, TypeError, 'block_size'],
  [[['max_background_jobs', 4]], TypeError, 'expected "options" to be an object, got an array'],
])('%o is refused before anything is opened', async (options, kind, message) => {
  const path = newPath()
  const opening = RocksDB.open(path, { options: options as never })
  await expect(opening).rejects.toThrow(kind)
  await expect(opening).rejects.toThrow(message)
  await expect(RocksDB.open(path, { createIfMissing: false })).rejects.toMatchObject({ code: 'NotFound' })
})

test('an option of the database is refused for a column family', async () => {
  const opening = RocksDB.open(newPath(), { columnFamilies: { blue: { max_background_jobs: 4 } } })
  await expect(opening).rejects.toThrow('option "max_background_jobs" is one of the database')
  const db = await openDatabase()
  await expect(db.createColumnFamily('blue', { compresion: 'kZSTD' })).rejects.toThrow(
    'did you mean "compression"?',
  )
})

test('createIfMissing overrides the option of that name', async () => {
  const options = { create_if_missing: true, create_missing_column_families: true }
  await expect(RocksDB.open(newPath(), { options, createIfMissing: false })).rejects.toMatchObject({
    code: 'NotFound',
  })
  await expect(RocksDB.open(newPath(), { options: { create_if_missing: false } })).rejects.toMatchObject({
    code: 'NotFound',
  })
})

test.each([
  ['64 MB', 64 * 2 ** 20],
  ['64MiB', 64 * 2 ** 20],
  ['64M', 64 * 2 ** 20],
  [64 * 2 ** 20, 64 * 2 ** 20],
])('a size such as %j means the same in every option', async (size, bytes) => {
  const db = await openDatabase({
    options: { write_buffer_size: size, block_based_table_factory: { metadata_block_size: size } },
    columnFamilies: { other: { target_file_size_base: size } },
  })
  const text = optionsFile(db.path)
  expect(text).toContain(`write_buffer_size=${bytes}\n`)
  expect(text).toContain(`metadata_block_size=${bytes}\n`)
  expect(text).toContain(`target_file_size_base=${bytes}\n`)
})

test.each([
  [{ compression: 'zstd' }, 'compression=kZSTD'],
  [{ compression: 'LZ4' }, 'compression=kLZ4Compression'],
  [{ compression: 'none' }, 'compression=kNoCompression'],
  [{ compression: 'kSnappyCompression' }, 'compression=kSnappyCompression'],
  [{ compression_per_level: 'none:zstd' }, 'compression_per_level=kNoCompression:kZSTD'],
  [{ compaction_style: 'universal' }, 'compaction_style=kCompactionStyleUniversal'],
  [{ block_based_table_factory: { checksum: 'crc32c' } }, 'checksum=kCRC32c'],
])('%j is understood', async (options, text) => {
  expect(optionsFile((await openDatabase({ options: options as never })).path)).toContain(`${text}\n`)
})
