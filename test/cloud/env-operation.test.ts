import { mkdir, rename, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type CloudEnv, createCloudEnv } from '#src/cloud/cloud-env.js'
import type { LocalWritableFile } from '#src/env/env.js'
import { newRoot } from '../support/machine.js'

let env: CloudEnv
let directory: string

beforeEach(async () => {
  const root = newRoot()
  directory = join(root, 'db')
  await mkdir(directory)
  env = await createCloudEnv({ store: pathToFileURL(newRoot()).href, root })
})
afterEach(() => env.close())

test('a MANIFEST that no reader accepts is refused, and the next one is committed', async () => {
  await env.lockFile(join(directory, 'LOCK'))
  const begin = async (number: number) => {
    const path = join(directory, `MANIFEST-00000${number}`)
    await writeFile(path, 'one edit')
    return (await env.newWritableFile(path)) as LocalWritableFile
  }
  const first = await begin(2)
  await expect(first.synced!(256 * 2 ** 20 + 1)).rejects.toMatchObject({
    code: 'NotSupported',
    retryable: true,
    message: expect.stringMatching(/it has 268435457 bytes.*max_manifest_file_size/),
  })
  const next = await begin(3)
  await expect(next.synced!(8)).resolves.toBeUndefined()
})

test('a commit that fails on the local disk is repeated, and succeeds once the disk works', async () => {
  await env.lockFile(join(directory, 'LOCK'))
  const path = join(directory, 'MANIFEST-000002')
  const { synced } = (await env.newWritableFile(path)) as LocalWritableFile
  await writeFile(path, 'one edit')
  await rename(path, `${path}-elsewhere`)
  await mkdir(path)
  await expect(synced!(8)).rejects.toMatchObject({
    name: 'EnvError',
    retryable: true,
    message: expect.stringMatching(/can't commit .*MANIFEST-000002: EISDIR/),
  })
  await rmdir(path)
  await rename(`${path}-elsewhere`, path)
  await expect(synced!(8)).resolves.toBeUndefined()
})
