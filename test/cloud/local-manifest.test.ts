import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readLocalManifest } from '#src/cloud/local-manifest.js'
import { systemFiles } from '#src/env/files.js'
import { encodeLog } from '#src/format/log-record.js'
import { newRoot } from '../support/machine.js'
import { bytes, field } from '../support/version-edits.js'

const manifest = encodeLog([
  bytes(field.comparator('leveldb.BytewiseComparator'), field.logNumber(0)),
  bytes(field.newTable(1, 7, 1000), field.nextFileNumber(8), field.lastSequence(1)),
])

async function directoryWith(files: Readonly<Record<string, Uint8Array | string>>): Promise<string> {
  const directory = join(newRoot(), 'db')
  await mkdir(directory)
  for (const [name, content] of Object.entries(files)) await writeFile(join(directory, name), content)
  return directory
}

test('the MANIFEST is the one that CURRENT names, up to its last whole edit', async () => {
  const torn = Buffer.concat([manifest, manifest.subarray(0, 20)])
  const directory = await directoryWith({ CURRENT: 'MANIFEST-000005\n', 'MANIFEST-000005': torn })
  const { liveTables } = await readLocalManifest(systemFiles, directory)
  expect([...liveTables.keys()]).toEqual([7])
})

test('one that RocksDB replaces between two looks is found', async () => {
  const directory = await directoryWith({ CURRENT: 'MANIFEST-000005\n' })
  const files = {
    ...systemFiles,
    async readFile(path: string) {
      if (path.endsWith('MANIFEST-000005')) {
        await writeFile(join(directory, 'MANIFEST-000009'), manifest)
        await writeFile(join(directory, 'CURRENT'), 'MANIFEST-000009\n')
      }
      return systemFiles.readFile(path)
    },
  }
  expect((await readLocalManifest(files, directory)).liveTables.size).toBe(1)
})

test('one that stays missing is an error', async () => {
  const directory = await directoryWith({ CURRENT: 'MANIFEST-000005\n' })
  await expect(readLocalManifest(systemFiles, directory)).rejects.toThrow(/MANIFEST-000005/)
})
