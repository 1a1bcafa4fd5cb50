import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { BucketFile } from '#src/cloud/bucket-file.js'
import { DirectoryStore } from '#src/store/directory-store.js'
import { newRoot } from '../support/machine.js'

const name = '000009.sst-0123456789abcdef'

let directory: string
let file: BucketFile
beforeEach(async () => {
  directory = newRoot()
  const store = new DirectoryStore({ directory })
  file = new BucketFile(name, 10, [
    { store, path: 'clone' },
    { store, path: 'origin' },
  ])
  for (const path of ['clone', 'origin']) await mkdir(join(directory, path))
})

const put = (path: string, content: string) => writeFile(join(directory, path, name), content)
const text = async (offset: number, length: number) =>
  Buffer.from(await file.fetch(offset, length)).toString()

test('is read at the first place that has it', async () => {
  await put('origin', '0123456789')
  expect(await text(3, 4)).toBe('3456')
  expect(file.url).toMatch(/\/origin\/000009\.sst-/)
  await put('clone', 'abcdefghij')
  expect(await text(3, 4), 'the place is found out once').toBe('3456')
})

test('of another size than in the MANIFEST is damage of that object', async () => {
  await put('clone', '01234')
  await expect(text(0, 2)).rejects.toMatchObject({
    code: 'Corruption',
    message: expect.stringMatching(/\/clone\/000009\.sst-\w+ has 5 bytes in the store instead of 10/),
  })
})

test('that is at no place is reported with each of them', async () => {
  await expect(text(0, 2)).rejects.toMatchObject({
    code: 'Corruption',
    message: expect.stringMatching(/\/clone\/000009\.sst-\w+ and .*\/origin\/000009\.sst-\w+ are missing/),
  })
})
