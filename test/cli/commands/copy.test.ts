import { describe, expect, test } from 'vitest'
import type { DatabaseCopy } from '#src/operations/copy-database.js'
import { runCommand } from '../../support/command-runner.js'
import { digestInStore } from '../../support/database-digest.js'
import { Machine } from '../../support/machine.js'
import { writeSound } from '../../support/sound-database.js'
import { cliAccess, mainTestStores, type TestStore } from '../../support/test-stores.js'

async function copy(store: TestStore, path: string, newPath: string, ...options: readonly string[]) {
  const access = cliAccess(store)
  return await runCommand(
    ['copy', store.url(path), store.url(newPath), ...access.options, ...options],
    access.env,
  )
}

describe.each(mainTestStores())('copy, in $name', ({ make }) => {
  test('makes a sound copy, and reports it', async () => {
    const store = make()
    await writeSound(store)
    const { code, stdout, stderr } = await copy(store, 'db', 'copied', '--verify', '--json')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const report: DatabaseCopy = JSON.parse(stdout)
    expect(report).toMatchObject({ url: store.url('copied'), from: store.url('db/CLOUDMANIFEST') })
    expect(report.copiedFiles).toBe(report.files)
    expect(await digestInStore(store, 'copied')).toEqual(await digestInStore(store, 'db'))
  })

  test('says what is wrong with the command line', async () => {
    const store = make()
    await new Machine(store).open((db) => db.flush())
    await store.put('nothing/notes.txt', Buffer.from('x'))
    const nothing = await copy(store, 'nothing', 'new')
    expect(nothing).toMatchObject({ code: 2, stderr: expect.stringContaining('holds no database') })
    const occupied = await copy(store, 'db', 'db')
    expect(occupied).toMatchObject({ code: 2, stderr: expect.stringContaining('has a database') })
    const noState = await copy(store, 'db', 'new', '--at', '2001-01-01')
    expect(noState).toMatchObject({ code: 2, stderr: expect.stringContaining('--at: ') })
    const noCookie = await copy(store, 'db', 'new', '--cookie', 'x')
    expect(noCookie).toMatchObject({ code: 2, stderr: expect.stringContaining('has no CLOUDMANIFEST-x') })
  })
})
