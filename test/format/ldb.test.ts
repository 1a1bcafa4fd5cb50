// Real RocksDB on both ends: it reads what we append, we read what it wrote.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readManifest } from '#src/catalog/manifest.js'
import { encodeNextFileNumberEdit } from '#src/format/encode-version-edit.js'
import { blobFileName, tableFileName } from '#src/format/file-name.js'
import { appendRecord } from '#src/format/log-record.js'

const haveLdb = spawnSync('ldb', ['--version']).error === undefined

describe.skipIf(!haveLdb)(
  haveLdb ? "RocksDB's own ldb" : "RocksDB's own ldb (skipped: not installed)",
  () => {
    let db: string
    beforeAll(() => {
      db = mkdtempSync(join(tmpdir(), 'cloudenv-ldb-'))
    })
    afterAll(() => rmSync(db, { recursive: true, force: true }))

    const ldb = (...args: string[]) => execFileSync('ldb', [`--db=${db}`, ...args], { encoding: 'utf8' })
    const manifestPath = () => join(db, readFileSync(join(db, 'CURRENT'), 'utf8').trim())
    const filesOf = (extension: string) =>
      readdirSync(db)
        .filter((name) => name.endsWith(extension))
        .sort()

    test('leaves exactly the tables and blob files that its MANIFEST is read to need', () => {
      const blobs = ['--enable_blob_files', '--min_blob_size=0']
      ldb('put', '--create_if_missing', ...blobs, 'a', 'hello')
      ldb('put', ...blobs, 'b', 'world')
      ldb('put', ...blobs, 'a', 'again')
      ldb('compact', ...blobs, '--enable_blob_garbage_collection')
      ldb('create_column_family', 'other')

      const manifest = readManifest(readFileSync(manifestPath()), { tail: 'strict' })
      expect([...manifest.liveTables.keys()].map(tableFileName).sort()).toEqual(filesOf('.sst'))
      expect([...manifest.liveBlobFiles.keys()].map(blobFileName).sort()).toEqual(filesOf('.blob'))
      expect(filesOf('.blob').length).toBeGreaterThan(0)
      for (const { number, size } of manifest.liveTables.values()) {
        expect(statSync(join(db, tableFileName(number))).size).toBe(size)
      }
      expect([...manifest.columnFamilies.values()].map(({ name }) => name)).toEqual(['default', 'other'])
      expect(manifest.dbId ?? readFileSync(join(db, 'IDENTITY'), 'utf8')).toBe(
        readFileSync(join(db, 'IDENTITY'), 'utf8'),
      )
    })

    test('opens a database whose MANIFEST got thousands of our edits, and finds everything', () => {
      let bytes: Uint8Array = readFileSync(manifestPath())
      const { lastNextFileNumber } = readManifest(bytes)
      for (let count = 0; count < 5_000; count++) {
        bytes = appendRecord(bytes, encodeNextFileNumberEdit(lastNextFileNumber))
      }
      writeFileSync(manifestPath(), bytes)
      expect(bytes.length).toBeGreaterThan(32_768)
      // Between key and value: ":" in RocksDB 7.8, "==>" in 9.10.
      const rows = ldb('--column_family=default', 'scan').trim().split('\n')
      expect(rows.map((row) => row.split(/ (?::|==>) /))).toEqual([
        ['a', 'again'],
        ['b', 'world'],
      ])
    })
  },
)
