import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeSocketDirectory, removeSocketDirectory } from '#src/host/socket-directory.js'
import { makeReadOnly, needsRoot, smallDisk } from '../support/small-disk.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

test('the socket is in the first usable directory', async () => {
  const tooDeep = join(temporaryDirectory(), 'x'.repeat(100))
  mkdirSync(tooDeep)
  const usable = temporaryDirectory()
  const made = await makeSocketDirectory([tooDeep, join(usable, 'missing'), usable])
  expect(made.path.startsWith(usable)).toBe(true)
  await removeSocketDirectory(made)
})

test.skipIf(needsRoot)(`a read-only one is passed over${needsRoot}`, async () => {
  const disk = smallDisk('1m')
  makeReadOnly(disk)
  const made = await makeSocketDirectory([disk, temporaryDirectory()])
  expect(made.path.startsWith(disk)).toBe(false)
  await removeSocketDirectory(made)
})

test('if none is usable, the error names each with its reason, and the variable that helps', async () => {
  const tooDeep = join(temporaryDirectory(), 'x'.repeat(100))
  const missing = join(temporaryDirectory(), 'missing')
  const making = () => makeSocketDirectory([tooDeep, missing])
  await expect(making()).rejects.toThrow(
    /x \(its path is too long for a socket\), .*missing \(ENOENT\)\. Set TMPDIR/,
  )
})
