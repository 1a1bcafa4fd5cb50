import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { directoryStoreRoot } from '#src/store/directory-root.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

test('the root of a store is the nearest directory that was used as one', async () => {
  const root = temporaryDirectory()
  mkdirSync(join(root, 'store/.cloudenv-store'), { recursive: true })
  mkdirSync(join(root, 'store/a/db'), { recursive: true })
  for (const path of ['store', 'store/a/db', 'store/missing/db'])
    expect(await directoryStoreRoot(join(root, path))).toBe(join(root, 'store'))
})

test('where none was, it is the directory above the database', async () => {
  const root = temporaryDirectory()
  expect(await directoryStoreRoot(join(root, 'new/db'))).toBe(join(root, 'new'))
})
