import { existsSync } from 'node:fs'
import { mkdir, readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { createCloudEnv } from '#src/cloud/cloud-env.js'
import { newRoot } from '../support/machine.js'

test('an Env that cannot let go of one database lets go of the others, and of its cache', async () => {
  const root = newRoot()
  const directory = newRoot()
  const options = { store: pathToFileURL(directory).href, root }
  const env = await createCloudEnv(options)
  for (const name of ['a', 'b']) {
    await mkdir(join(root, name))
    await env.lockFile(join(root, name, 'LOCK'))
    expect(existsSync(join(root, name, 'CLOUDENV'))).toBe(true)
  }
  // The release deletes a destroyed database, and a link that leads to itself can't be read.
  await expect(env.deleteFile(join(root, 'a/CURRENT'))).rejects.toMatchObject({ code: 'NotFound' })
  await symlink(join(directory, 'a'), join(directory, 'a'))
  await expect(env.close()).rejects.toThrow(/get .*\/a\/CLOUDMANIFEST/)
  expect(existsSync(join(root, 'b/CLOUDENV')), 'b is let go').toBe(false)

  const next = await createCloudEnv(options)
  expect(await readdir(join(root, '.cloudenv')), 'it has the cache').toEqual(['cache'])
  await next.close()
})
