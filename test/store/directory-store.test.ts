import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe } from 'vitest'
import { DirectoryStore } from '#src/store/directory-store.js'
import { describeStore } from './contract.js'

let root: string
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'cloudenv-store-'))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

describe('DirectoryStore', () => {
  let directory: string
  describeStore({
    open: (onRequest) => {
      directory = mkdtempSync(join(root, 'store-'))
      return new DirectoryStore({ directory, ...(onRequest && { onRequest }) })
    },
    reopen: () => new DirectoryStore({ directory }),
  })
})
