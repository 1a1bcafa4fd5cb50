import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { parseCloudEnvOptions } from '#src/cloud/cloud-env-options.js'
import { openCache } from '#src/cloud/open-cache.js'
import { systemFiles } from '#src/env/files.js'
import { realSystem } from '#src/env/system.js'

let directory: string
const warnings: string[] = []
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'open-cache-'))
  vi.spyOn(process, 'emitWarning').mockImplementation((warning) => void warnings.push(String(warning)))
})
afterEach(async () => {
  vi.restoreAllMocks()
  warnings.length = 0
  await rm(directory, { recursive: true, force: true })
})

const parent = () => join(directory, '.cloudenv')

function config(cache: { readonly maxBytes?: number; readonly reserveBytes?: number }) {
  const store = pathToFileURL(join(directory, 'store')).href
  return parseCloudEnvOptions({ store, root: join(directory, 'root'), cache })
}

/** A disk that says so wherever a directory is to be made, or a lock to be taken. */
const failing = (code: string, call: 'mkdir' | 'lock' = 'mkdir') => ({
  ...realSystem,
  files: { ...systemFiles, [call]: () => Promise.reject(Object.assign(new Error(code), { code })) },
})

test('a cache keeps its files, and releases its directory', async () => {
  const opened = await openCache(parent(), config({ maxBytes: 1 << 20 }), realSystem)
  const file = opened.cache.file('db/000001.sst-a', 10, async () => Buffer.alloc(10, 7))
  await file.ensure(0, 10)
  await opened.close()
  expect(existsSync(join(parent(), 'cache/db/000001.sst-a'))).toBe(true)
  const next = await openCache(parent(), config({ maxBytes: 1 << 20 }), realSystem)
  expect(next.cache.metrics().files).toBe(1)
  await next.close()
})

test.each(['EROFS', 'EACCES', 'EPERM', 'ENOSPC', 'EDQUOT'])(
  'without a place to write (%s) every read is answered, with one warning',
  async (code) => {
    const { cache, close } = await openCache(parent(), config({ maxBytes: 1 << 20 }), failing(code))
    const file = cache.file('db/000001.sst-a', 10, async () => Buffer.alloc(10, 7))
    expect(await file.ensure(0, 10)).toEqual(Buffer.alloc(10, 7))
    expect(warnings).toEqual([expect.stringMatching(new RegExp(`^no cache: .*\\(${code}\\).*"root"`))])
    await close()
  },
)

test.each(['EACCES', 'ENOLCK', 'ENOTSUP'])(
  'without a lock (%s) there is no cache, with one warning',
  async (code) => {
    const { cache, close } = await openCache(parent(), config({ maxBytes: 1 << 20 }), failing(code, 'lock'))
    expect(cache.metrics().maxBytes).toBe(0)
    expect(warnings).toEqual([expect.stringMatching(new RegExp(`^no cache: .*locked \\(${code}\\).*"root"`))])
    await close()
  },
)

test('without a wanted cache there is no warning', async () => {
  const { close } = await openCache(parent(), config({ maxBytes: 0 }), failing('EROFS'))
  expect(warnings).toEqual([])
  await close()
})

test('a disk with less room than the reserve causes a warning', async () => {
  const { close } = await openCache(parent(), config({ reserveBytes: 2 ** 50 }), realSystem)
  expect(warnings).toEqual([expect.stringMatching(/^no room for a cache: .*"cache\.reserveBytes"/)])
  await close()
})

test('any other failure is an error that names the cache', async () => {
  await writeFile(parent(), 'a file where a directory has to be')
  await expect(openCache(parent(), config({}), realSystem)).rejects.toMatchObject({
    name: 'EnvError',
    message: expect.stringMatching(/can't open the cache .*\.cloudenv/),
  })
})
