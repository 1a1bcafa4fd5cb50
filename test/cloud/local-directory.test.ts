import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { bringBack, makeDatabaseDirectory, readDirectory, setAside } from '#src/cloud/local-directory.js'
import { systemFiles } from '#src/env/files.js'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'local-directory-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

test('a missing directory, or a file in its place, has no names', async () => {
  await writeFile(join(directory, 'file'), '')
  expect(await readDirectory(systemFiles, join(directory, 'missing'))).toBeUndefined()
  expect(await readDirectory(systemFiles, join(directory, 'file'))).toBeUndefined()
  expect(await readDirectory(systemFiles, directory)).toEqual(['file'])
})

test('a directory that cannot be created is reported with its purpose, and what to do', async () => {
  await writeFile(join(directory, 'file'), '')
  await expect(makeDatabaseDirectory(systemFiles, join(directory, 'file/db'))).rejects.toMatchObject({
    code: 'IOError',
    message: expect.stringMatching(
      /can't create the directory .*file\/db \(ENOTDIR\).*open the database read-only/,
    ),
  })
})

test('a disk without room is reported as such', async () => {
  const full = Object.assign(new Error('no space left'), { code: 'ENOSPC' })
  const files = { ...systemFiles, mkdir: () => Promise.reject(full) }
  await expect(makeDatabaseDirectory(files, directory)).rejects.toMatchObject({ code: 'NoSpace' })
})

test('logs set aside again get their own place, and come back from there', async () => {
  for (const expected of ['set-aside', 'set-aside-2', 'set-aside-3']) {
    await writeFile(join(directory, '000001.log'), expected)
    expect(await setAside(systemFiles, directory, ['000001.log'], 'set-aside')).toBe(expected)
  }
  await bringBack(systemFiles, directory, 'set-aside-2')
  expect((await readdir(directory)).sort()).toEqual(['000001.log', 'set-aside', 'set-aside-3'])
  expect(await readFile(join(directory, '000001.log'), 'utf8')).toBe('set-aside-2')
})

test('without logs nothing is set aside', async () => {
  await mkdir(join(directory, 'db'))
  expect(await setAside(systemFiles, join(directory, 'db'), [], 'set-aside')).toBeUndefined()
  expect(await readdir(join(directory, 'db'))).toEqual([])
})
