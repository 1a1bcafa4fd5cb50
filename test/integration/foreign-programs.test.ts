import { existsSync } from 'node:fs'
import { cp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type OpenOptions, RocksDB } from '#src/index.js'
import { Machine, newRoot } from '../support/machine.js'
import { mainTestStores } from '../support/test-stores.js'

const utf8 = { valueEncoding: 'utf8' } as const
const { make } = mainTestStores()[0]!

/** Another program: it does not know what CLOUDENV means. */
async function withoutEnv<T>(
  path: string,
  use: (db: RocksDB) => Promise<T>,
  options: OpenOptions = {},
): Promise<T> {
  const record = join(path, 'CLOUDENV')
  const hidden = existsSync(record) ? join(newRoot(), 'CLOUDENV') : undefined
  if (hidden) await rename(record, hidden)
  const db = await RocksDB.open(path, options)
  try {
    return await use(db)
  } finally {
    await db.close()
    if (hidden) await rename(hidden, record)
  }
}

/** A database without a table in the store: the only kind that opens without the Env. */
async function written(): Promise<Machine> {
  const machine = new Machine(make())
  await machine.open((db) => db.put('kept', 'by the log'))
  if (!existsSync(machine.path)) throw new Error(`${machine.path} is missing`)
  return machine
}

async function contents(directory: string): Promise<Map<string, string>> {
  const names = (await readdir(directory)).filter((name) => !name.startsWith('LOG') && name !== 'LOCK').sort()
  const read = async (name: string) => (await readFile(join(directory, name))).toString('latin1')
  return new Map(await Promise.all(names.map(async (name) => [name, await read(name)] as const)))
}

describe("our engine refuses a cloud Env's directory without the Env", () => {
  test.each<[string, OpenOptions]>([
    ['for writing', {}],
    ['read-only', { readOnly: true }],
    ['without creating', { createIfMissing: false }],
  ])('%s', async (_, options) => {
    const machine = await written()
    const before = await contents(machine.path)
    const opening = RocksDB.open(machine.path, options)
    await expect(opening).rejects.toMatchObject({ name: 'RocksDBError', code: 'InvalidArgument' })
    await expect(opening).rejects.toThrow(
      /without "env": it is the local directory of file:\/\/.*\/db, .*Open it with \{ env: cloudEnv\(\{ store, root \}\) \}/,
    )
    await expect(RocksDB.listColumnFamilies(machine.path)).rejects.toThrow(/without "env"/)
    expect(await contents(machine.path)).toEqual(before)
    expect(await machine.open((db) => db.get('kept', utf8))).toBe('by the log')
  })
})

describe('opening a directory after another program wrote to it is refused, and nothing is lost', () => {
  test.each<[what: string, write: (db: RocksDB) => Promise<unknown>, left: RegExp]>([
    ['entries, and flushed', (db) => db.put('foreign', '1').then(() => db.flush()), /it left 0000\d\d\.sst/],
    ['nothing but what recovery writes', (db) => db.put('foreign', '1'), /it left 0000\d\d\.sst/],
  ])('%s', async (_, write, left) => {
    const machine = await written()
    await withoutEnv(machine.path, write)
    const before = await contents(machine.path)
    for (const options of [{}, { readOnly: true }]) {
      const opening = machine.open(() => undefined, options)
      await expect(opening).rejects.toMatchObject({ code: 'InvalidArgument' })
      await expect(opening).rejects.toThrow(left)
      expect(await contents(machine.path)).toEqual(before)
    }
  })

  test('column families that only its MANIFEST knows', async () => {
    const machine = await opened()
    await withoutEnv(machine.path, async (db) => {
      await db.put('foreign', '1', { columnFamily: await db.createColumnFamily('theirs') })
    })
    const before = await contents(machine.path)
    await expect(machine.open(() => undefined)).rejects.toThrow(
      /another program wrote to .*it left MANIFEST-0000\d\d,/,
    )
    expect(await contents(machine.path)).toEqual(before)
  })

  test('the remedy that the error names works', async () => {
    const machine = await written()
    await withoutEnv(machine.path, (db) => db.put('foreign', '1'))
    const moved = join(newRoot(), 'moved')
    await cp(machine.path, moved, { recursive: true })
    await rm(machine.path, { recursive: true })
    await machine.open(async (db) => {
      await rm(join(moved, 'CLOUDENV'))
      const theirs = await RocksDB.open(moved)
      for await (const [key, value] of theirs.iterator()) await db.put(key, value)
      await theirs.close()
      expect(await db.get('kept', utf8)).toBe('by the log')
      expect(await db.get('foreign', utf8)).toBe('1')
    })
  })
})

test("a directory whose CURRENT is behind the store, as a kill may leave it, is not taken for another program's work", async () => {
  const machine = await written()
  const current = join(machine.path, 'CURRENT')
  const behind = await readFile(current)
  const manifest = join(machine.path, behind.toString().trim())
  const behindManifest = await readFile(manifest)
  await machine.open((db) => db.put('later', 'by the log'))

  await rm(join(machine.path, (await readFile(current, 'utf8')).trim()))
  await writeFile(current, behind)
  await writeFile(manifest, behindManifest)
  await machine.open(async (db) => {
    expect(await db.getMany(['kept', 'later'], utf8)).toEqual(['by the log', 'by the log'])
  })
})

/** A database whose write-ahead log is empty, so that nobody has to move it into a table. */
async function opened(): Promise<Machine> {
  const machine = new Machine(make())
  await machine.open(() => undefined)
  return machine
}
