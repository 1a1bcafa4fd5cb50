import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemFiles } from '#src/env/files.js'
import { isLevelDbTable } from '#src/table/level-db-table.js'
import { internalKey, smallTable } from '../support/raw-table.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const entries = [[internalKey('a'), Buffer.from('1')] as const]
const table = { number: 17, entries }

test.each([
  ['LevelDB wrote it', smallTable({ ...table, version: 0, properties: false }), true],
  ['RocksDB wrote it, in the format of LevelDB', smallTable({ ...table, version: 0 }), false],
  ['RocksDB wrote it', smallTable(table), false],
  ['it is damaged', Buffer.alloc(1000, 7), false],
  ['it is empty', Buffer.alloc(0), false],
])('a table is told from others: %s', async (_name, content, expected) => {
  const directory = temporaryDirectory()
  await writeFile(join(directory, '000017.sst'), content)
  const file = { name: '000017.sst', size: content.length }
  expect(await isLevelDbTable(systemFiles, directory, file)).toBe(expected)
})
