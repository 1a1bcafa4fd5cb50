import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FilesElsewhere } from '#src/cloud/files-elsewhere.js'
import { systemFiles } from '#src/env/files.js'
import { appendRecord, encodeLog } from '#src/format/log-record.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { field } from '../support/version-edits.js'

const directory = temporaryDirectory()
const path = join(directory, 'MANIFEST-000005')

test('a log of an earlier opening is no sign of where this one keeps its own', async () => {
  const elsewhere = new FilesElsewhere(systemFiles, ['000002.log'])
  const manifest = encodeLog([field.nextFileNumber(6)])
  writeFileSync(join(directory, '000002.log'), '')
  await expect(elsewhere.assertNone(path, manifest, () => true)).rejects.toMatchObject({
    code: 'NotSupported',
    message: expect.stringContaining("without RocksDB's wal_dir"),
  })
  writeFileSync(join(directory, '000004.log'), '')
  await elsewhere.assertNone(path, manifest, () => true)
})

test('a table that the Env never saw is refused in the edit that adds it', async () => {
  writeFileSync(join(directory, '000004.log'), '')
  const known = new Set(['000006.sst'])
  const elsewhere = new FilesElsewhere(systemFiles, [])
  const first = encodeLog([field.newTable(0, 6, 100)])
  await elsewhere.assertNone(path, first, (name) => known.has(name))
  // Deleted by a compaction meanwhile: committed edits are not checked again.
  known.delete('000006.sst')
  const second = appendRecord(first, field.newTable(0, 7, 100))
  await expect(elsewhere.assertNone(path, second, (name) => known.has(name))).rejects.toMatchObject({
    code: 'NotSupported',
    scope: 'fileSystem',
    message: expect.stringContaining('keeps 000007.sst outside'),
  })
  const third = appendRecord(second, field.deletedTable(0, 7))
  await elsewhere.assertNone(path, third, (name) => known.has(name))
})
