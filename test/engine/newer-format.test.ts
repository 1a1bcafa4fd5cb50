import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { cloudEnv, type HostedEnv, RocksDB } from '#src/index.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const places: readonly (readonly [
  string,
  () => { readonly env?: HostedEnv; readonly path: string; readonly tables: string },
])[] = [
  [
    'on plain files',
    () => {
      const path = temporaryDirectory('newer-format')
      return { path, tables: path }
    },
  ],
  [
    'on a cloud Env',
    () => {
      const root = temporaryDirectory('newer-format')
      const store = temporaryDirectory('newer-format-store')
      const env = cloudEnv({ store: `file://${store}`, root, cache: { maxBytes: 0 } })
      return { env, path: join(root, 'db'), tables: join(store, 'db') }
    },
  ],
]

/** Makes the footer of the only table say that version. */
async function pretend(directory: string, version: number): Promise<string> {
  const name = (await readdir(directory)).find((entry) => entry.includes('.sst'))!
  const table = await readFile(join(directory, name))
  table.writeUInt32LE(version, table.length - 12)
  await writeFile(join(directory, name), table)
  return name.slice(0, name.indexOf('.sst') + 4)
}

describe.each(places)('a table of a format that only newer versions of RocksDB read, %s', (_, make) => {
  const isOld = Number(RocksDB.libraryVersion.split('.')[0]) < 8
  const versions: readonly (readonly [number, string])[] = [
    ...(isOld ? ([[6, 'RocksDB 8.6 or newer']] as const) : []),
    [9, 'a newer RocksDB'],
  ]
  test.each(versions)(
    '(format_version %d) is named, with the version that reads it',
    async (version, needed) => {
      const { env, path, tables } = make()
      const options = { ...(env && { env }), options: { max_open_files: -1 } }
      const db = await RocksDB.open(path, options)
      await db.put('a', '1')
      await db.flush()
      await db.close()
      const name = await pretend(tables, version)
      const expected = {
        code: 'NotSupported',
        message: expect.stringContaining(
          `${name} has format_version ${version}, which the linked RocksDB ${RocksDB.libraryVersion} cannot read. It takes ${needed}`,
        ),
      }
      await expect(RocksDB.open(path, options)).rejects.toMatchObject(expected)
      await expect(RocksDB.open(path, { ...options, readOnly: true })).rejects.toMatchObject(expected)
      await env?.close()
    },
  )
})
