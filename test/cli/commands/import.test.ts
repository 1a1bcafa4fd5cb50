import { join } from 'node:path'
import { expect, test } from 'vitest'
import { RocksDB } from '#src/index.js'
import type { DatabaseImport } from '#src/operations/import-database.js'
import { runCommand } from '../../support/command-runner.js'
import { digestInDirectory, digestInStore } from '../../support/database-digest.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'
import { cliAccess, mainTestStores } from '../../support/test-stores.js'

test.each(mainTestStores())('import makes a database of a directory, in $name', async ({ make }) => {
  const store = make()
  const access = cliAccess(store)
  const run = (...words: readonly string[]) => runCommand(['import', ...words, ...access.options], access.env)
  const directory = join(temporaryDirectory(), 'plain')
  const db = await RocksDB.open(directory)
  await db.put('a', '1')
  expect(await run(directory, store.url('db'))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('is open in a program'),
  })
  await db.close()

  const { code, stdout, stderr } = await run(directory, store.url('db'), '--json', '--verify-stored')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const report: DatabaseImport = JSON.parse(stdout)
  expect(report).toMatchObject({ directory, url: store.url('db'), files: 1, sentFiles: 1 })
  expect(await digestInStore(store, 'db')).toEqual(await digestInDirectory(directory))

  expect(await run(directory, store.url('db'))).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('has a database'),
  })
  expect(await run(temporaryDirectory(), store.url('new'))).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('no database of RocksDB or LevelDB'),
  })
})
