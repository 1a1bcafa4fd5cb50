import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { assertNoForeignTables, assertOwnManifest } from '#src/cloud/foreign-writes.js'
import { systemFiles } from '#src/env/files.js'

const url = 's3://bucket/db'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'foreign-writes-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

test('tables and blob files without an epoch are reported, three at most, with the remedy', () => {
  const names = ['000012.sst', '000011.sst', '000013.blob', '000014.sst', '000010.log', 'CURRENT']
  expect(() => assertNoForeignTables('/db', names, url)).toThrow(
    expect.objectContaining({
      code: 'InvalidArgument',
      message: expect.stringMatching(
        /^another program wrote to \/db without the Env: it left 000011\.sst, 000012\.sst, 000013\.blob, which s3:.*move the directory away/,
      ),
    }),
  )
})

test('files of the Env are its own: tables on their way to the store, logs, MANIFESTs', () => {
  const names = [
    '000012.sst-0123456789abcdef',
    '000010.log',
    'MANIFEST-000009',
    'CURRENT',
    'LOCK',
    'CLOUDENV',
  ]
  expect(() => assertNoForeignTables('/db', names, url)).not.toThrow()
})

test.each([
  { current: 'MANIFEST-000009\n', isForeign: false },
  { current: 'MANIFEST-000008\n', isForeign: false },
  { current: 'MANIFEST-000010\n', isForeign: true },
  { current: 'nonsense', isForeign: false },
  { current: undefined, isForeign: false },
])('CURRENT $current after MANIFEST-000009: foreign is $isForeign', async ({ current, isForeign }) => {
  if (current !== undefined) await writeFile(join(directory, 'CURRENT'), current)
  const checking = assertOwnManifest(systemFiles, directory, url, 9)
  if (isForeign) await expect(checking).rejects.toThrow(/it left MANIFEST-000010/)
  else await expect(checking).resolves.toBeUndefined()
})
