import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { RocksDB } from '#src/index.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const freshPath = () => join(temporaryDirectory(), 'db')

let db: RocksDB
beforeAll(async () => {
  const path = freshPath()
  await (await RocksDB.open(path)).close()
  db = await RocksDB.open(path, { readOnly: true })
})
afterAll(() => db.close())

async function failureOf(call: () => Promise<unknown>): Promise<Error> {
  try {
    await call()
  } catch (error) {
    return error as Error
  }
  throw new Error('the call succeeded')
}

test.each<[name: string, call: () => Promise<unknown>]>([
  ['open', () => RocksDB.open(freshPath(), { createIfMissing: false })],
  ['listColumnFamilies', () => RocksDB.listColumnFamilies(freshPath())],
  ['put', () => db.put('a', '1')],
  ['delete', () => db.delete('a')],
  ['batch', () => db.batch([{ type: 'put', key: 'a', value: '1' }])],
  ['flush', () => db.flush()],
  ['compactRange', () => db.compactRange()],
])(
  'a failed %s has the stack of the function that awaits it, and what RocksDB said as its cause',
  async (_, call) => {
    async function functionOfTheUser(): Promise<void> {
      await call()
    }
    const error = await failureOf(functionOfTheUser)
    expect(error.name).toBe('RocksDBError')
    expect(error.stack).toContain(error.message)
    expect(error.stack).toMatch(/at (async )?functionOfTheUser/)
    const { cause } = error
    expect(cause).toBeInstanceOf(Error)
    expect(error.message).toMatch(/^cannot /)
    expect(error.message.endsWith(`: ${(cause as Error).message}`)).toBe(true)
  },
)

test('writes that fail together each have an error with the stack of their own caller', async () => {
  async function evenUser(): Promise<void> {
    await db.put('a', '1')
  }
  async function oddUser(): Promise<void> {
    await db.put('b', '2')
  }
  // Writes that wait for the one under way are written together.
  const users = Array.from({ length: 100 }, (_, at) => (at % 2 === 0 ? evenUser : oddUser))
  const errors = await Promise.all(users.map(failureOf))
  expect(new Set(errors).size).toBe(users.length)
  for (const [at, { stack }] of errors.entries()) expect(stack).toContain(`${users[at]!.name} `)
})

test('column families of a read-only database are neither created nor dropped', async () => {
  const path = freshPath()
  const written = await RocksDB.open(path, { columnFamilies: { users: {} } })
  await written.close()
  const readOnly = await RocksDB.open(path, { readOnly: true, columnFamilies: { users: {} } })
  const refused = { code: 'NotSupported', message: expect.stringContaining('it is open read-only') }
  await expect(readOnly.createColumnFamily('other')).rejects.toMatchObject(refused)
  await expect(readOnly.dropColumnFamily(readOnly.columnFamily('users'))).rejects.toMatchObject(refused)
  await readOnly.close()
  expect(await RocksDB.listColumnFamilies(path)).toEqual(['default', 'users'])
})
