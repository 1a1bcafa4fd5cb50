import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { DatabaseExport } from '#src/operations/export-database.js'
import { runCommand } from '../../support/command-runner.js'
import { digestInDirectory, digestInStore } from '../../support/database-digest.js'
import { Machine } from '../../support/machine.js'
import { writeSound } from '../../support/sound-database.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'
import { cliAccess, mainTestStores } from '../../support/test-stores.js'

test.each(mainTestStores())('export writes a plain database, from $name', async ({ make }) => {
  const store = make()
  await writeSound(store)
  const access = cliAccess(store)
  const directory = join(temporaryDirectory(), 'exported')
  const run = (...words: readonly string[]) => runCommand(['export', ...words, ...access.options], access.env)
  const { code, stdout, stderr } = await run(store.url('db'), directory, '--json')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const report: DatabaseExport = JSON.parse(stdout)
  expect(report).toMatchObject({ directory, from: store.url('db/CLOUDMANIFEST') })
  expect(await digestInDirectory(directory)).toEqual(await digestInStore(store, 'db'))

  expect(await run(store.url('db'), directory)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('is not empty'),
  })
  const before = await digestInStore(store, 'db')
  const time = new Date().toISOString()
  await new Machine(store).open(async (db) => {
    await db.put('late', '1')
    await db.compactRange()
    await db.flush()
  })
  expect(await digestInStore(store, 'db')).not.toEqual(before)
  expect(await run(store.url('db'), `${directory}3`, '--at', time)).toMatchObject({ code: 0 })
  expect(await digestInDirectory(`${directory}3`)).toEqual(before)
  const plain = await run(store.url('db'), `${directory}2`, '--no-verify')
  expect(plain).toMatchObject({ code: 0, stdout: expect.stringContaining('is a plain database') })
})
