import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openCacheDirectory } from '#src/cloud/cache-directory.js'
import { systemFiles } from '#src/env/files.js'

let parent: string
beforeEach(async () => {
  parent = join(await mkdtemp(join(tmpdir(), 'cache-directory-')), '.cloudenv')
})
afterEach(() => rm(join(parent, '..'), { recursive: true, force: true }))

const open = () => openCacheDirectory(systemFiles, parent)

test('the next host finds what one host kept', async () => {
  const first = await open()
  await writeFile(join(first.directory, 'file'), '')
  await first.close()
  const second = await open()
  expect(second.directory).toBe(join(parent, 'cache'))
  expect(existsSync(join(second.directory, 'file'))).toBe(true)
  await second.close()
})

test('a second host has its own directory, which is removed with it', async () => {
  const [first, second] = [await open(), await open()]
  expect(second.directory).not.toBe(first.directory)
  await writeFile(join(second.directory, 'file'), '')
  await second.close()
  expect(existsSync(second.directory)).toBe(false)
  expect(existsSync(first.directory)).toBe(true)
  await first.close()
})

test('the directory of a killed host is removed, that of a living one stays', async () => {
  const [first, living] = [await open(), await open()]
  await first.close()
  await mkdir(join(parent, 'cache-7/db'), { recursive: true })
  const next = await open()
  expect(existsSync(join(parent, 'cache-7'))).toBe(false)
  expect(existsSync(living.directory)).toBe(true)
  await next.close()
  await living.close()
})

test('a third host takes the first number that is free, and nothing of who had it before', async () => {
  const [first, second, third] = [await open(), await open(), await open()]
  const numbered = [2, 3].map((number) => join(parent, `cache-${number}`))
  expect([second, third].map(({ directory }) => directory)).toEqual(numbered)
  await second.close()
  await mkdir(join(numbered[0]!, 'left'), { recursive: true })
  const next = await open()
  expect(next.directory).toBe(numbered[0])
  expect(await readdir(next.directory)).toEqual([])
  for (const { close } of [first, third, next]) await close()
  expect((await readdir(parent)).sort()).toEqual(['cache', 'cache-2.lock', 'cache-3.lock', 'cache.lock'])
})

test('an opening that fails leaves the lock to the next one', async () => {
  const failing = { ...systemFiles, readdir: () => Promise.reject(new Error('no')) }
  await expect(openCacheDirectory(failing, parent)).rejects.toThrow('no')
  const next = await open()
  expect(next.directory).toBe(join(parent, 'cache'))
  await next.close()
})

test.each(['.cloudenv', '.cloudenv/cache'])(
  'a link in place of %s is refused, and left alone',
  async (name) => {
    const elsewhere = join(parent, '../elsewhere')
    await mkdir(elsewhere)
    await writeFile(join(elsewhere, 'precious'), '')
    const link = join(parent, '..', name)
    await mkdir(join(link, '..'), { recursive: true })
    await symlink(elsewhere, link)
    await expect(open()).rejects.toMatchObject({
      code: 'InvalidArgument',
      message: expect.stringMatching(/is a symbolic link/),
    })
    expect(await readdir(elsewhere)).toEqual(['precious'])
  },
)
