import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  type OwnerRecord,
  ownerRecordName,
  readOwnerRecord,
  removeOwnerRecord,
  writeOwnerRecord,
} from '#src/cloud/owner-record.js'
import { systemFiles } from '#src/env/files.js'
import { type Epoch, parseEpoch } from '#src/format/epoch.js'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'owner-record-'))
})

afterEach(() => rm(directory, { recursive: true, force: true }))

const epoch = fc.stringMatching(/^[0-9a-f]{16}$/).map((text) => parseEpoch(text)!)

const record: fc.Arbitrary<OwnerRecord> = fc.record({
  url: fc.webUrl(),
  epochs: fc.array(epoch, { maxLength: 3 }),
  creating: fc.boolean(),
  candidates: fc.array(epoch, { maxLength: 3 }),
  destroying: fc.boolean(),
  lastManifest: fc.option(fc.nat(), { nil: undefined }),
})

test('is read as written, and replaces the one before', async () => {
  await fc.assert(
    fc.asyncProperty(record, async (written) => {
      await writeOwnerRecord(systemFiles, directory, written)
      expect(await readOwnerRecord(systemFiles, directory)).toEqual(written)
    }),
    { numRuns: 25 },
  )
})

test('of an earlier version may lack fields', async () => {
  const old = { url: 's3://bucket/db', epochs: ['0123456789abcdef' as Epoch], creating: false }
  await writeFile(join(directory, ownerRecordName), JSON.stringify(old))
  expect(await readOwnerRecord(systemFiles, directory)).toEqual({
    ...old,
    candidates: [],
    destroying: false,
    lastManifest: undefined,
  })
})

test.each([
  ['nothing', ''],
  ['half a record', '{"url":"s3://bucket/db","epo'],
  ['another JSON', '[1]'],
  ['an epoch that is none', '{"url":"s3://bucket/db","epochs":["../x"],"creating":false}'],
])('of %s is refused, with what to do', async (_, content) => {
  await writeFile(join(directory, ownerRecordName), content)
  await expect(readOwnerRecord(systemFiles, directory)).rejects.toMatchObject({
    code: 'Corruption',
    message: expect.stringMatching(/CLOUDENV can't be read.*Move the local directory away/),
  })
})

test('is undefined if there is no directory, or if it was removed', async () => {
  expect(await readOwnerRecord(systemFiles, join(directory, 'none'))).toBeUndefined()
  await writeFile(join(directory, ownerRecordName), '{}')
  await removeOwnerRecord(systemFiles, directory)
  expect(await readOwnerRecord(systemFiles, directory)).toBeUndefined()
})
