import { beforeEach, expect, test } from 'vitest'
import type { DatabasePlace } from '#src/catalog/database-place.js'
import type { StoredFile } from '#src/catalog/stored-file.js'
import { type Table, Tables } from '#src/cloud/tables.js'
import { Uploads } from '#src/cloud/uploads.js'
import { EnvError, type EnvErrorCode } from '#src/env/env-error.js'

/** An upload that ends when the test says so. */
class Pending {
  readonly started: string[] = []
  readonly #ends = new Map<string, { resolve: () => void; reject: (error: Error) => void }>()

  readonly upload = ({ objectName: name }: StoredFile, signal: AbortSignal): Promise<void> => {
    this.started.push(name)
    return new Promise((resolve, reject) => {
      this.#ends.set(name, { resolve, reject })
      signal.addEventListener('abort', () => reject(signal.reason as Error))
    })
  }

  async arrive(name: string): Promise<void> {
    await expect.poll(() => this.#ends.has(name)).toBe(true)
    this.#ends.get(name)!.resolve()
    this.#ends.delete(name)
  }

  async fail(name: string, code: EnvErrorCode = 'IOError', reason = 'the store is away'): Promise<void> {
    await expect.poll(() => this.#ends.has(name)).toBe(true)
    this.#ends.get(name)!.reject(new EnvError(code, `${name}: ${reason}`, { retryable: true }))
    this.#ends.delete(name)
  }
}

const place = { path: '' } as DatabasePlace

let tables: Tables
let pending: Pending
let uploads: Uploads

beforeEach(() => {
  tables = new Tables(new Map())
  pending = new Pending()
  uploads = new Uploads(tables, pending.upload)
})

function seal(name: string): Table {
  const table = tables.seal(name, { place, objectName: name, size: 1, modified: new Date(0) })
  uploads.start(table)
  return table
}

test('a wait ends when every upload that was started has arrived', async () => {
  seal('a')
  seal('b')
  let ended = false
  const settled = uploads.settled().then(() => {
    ended = true
  })
  await pending.arrive('a')
  expect(ended).toBe(false)
  await pending.arrive('b')
  await settled
  expect(tables.pending.size).toBe(0)
})

test('a failed upload fails the wait, and the next wait tries it again', async () => {
  seal('a')
  const first = uploads.settled()
  const refused = expect(first).rejects.toThrow('a: the store is away')
  await pending.fail('a')
  await refused

  const second = uploads.settled()
  await pending.arrive('a')
  await second
  expect(pending.started).toEqual(['a', 'a'])
  expect(tables.pending.size).toBe(0)
})

test('an attempt that ends without an answer reports the answer to the one before', async () => {
  seal('a')
  const first = expect(uploads.settled()).rejects.toThrow('the store is full')
  await pending.fail('a', 'NoSpace', 'the store is full')
  await first
  for (let attempt = 0; attempt < 2; attempt++) {
    const later = expect(uploads.settled()).rejects.toMatchObject({
      code: 'TimedOut',
      retryable: true,
      message: 'a: no answer. The attempt before: a: the store is full',
    })
    await pending.fail('a', 'TimedOut', 'no answer')
    await later
  }
})

test('nobody waits for a cancelled upload', async () => {
  seal('a')
  await expect.poll(() => pending.started).toEqual(['a'])
  await uploads.cancel(tables.drop('a'))
  await uploads.settled()
  expect(tables.pending.size).toBe(0)
})

test('a wait under way fails when one of its uploads is cancelled: what it names is not in the store', async () => {
  seal('a')
  await expect.poll(() => pending.started).toEqual(['a'])
  const settled = uploads.settled()
  const refused = expect(settled).rejects.toMatchObject({ code: 'IOError', retryable: true })
  await uploads.cancel(tables.drop('a'))
  await refused
  await uploads.settled()
})

test('cancelling waits until an upload has closed the file, but not for one that has not begun', async () => {
  const names = ['a', 'b', 'c', 'd', 'e']
  for (const name of names) seal(name)
  await expect.poll(() => pending.started).toEqual(['a', 'b', 'c', 'd'])
  await uploads.cancel(tables.drop('e'))
  await pending.arrive('a')
  await uploads.cancel(tables.drop('b'))
  for (const name of ['c', 'd']) await pending.arrive(name)
  await uploads.settled()
  expect(pending.started).toEqual(['a', 'b', 'c', 'd'])
  expect([...tables.leaving.values()].map(({ key, state }) => [key, state])).toEqual([
    ['e', 'obsolete'],
    ['b', 'obsolete'],
  ])
})

test('a file whose name is being deleted is sent once that deletion has ended', async () => {
  const old = tables.inherit('a')
  tables.on(old, 'delete')
  let vanish = () => {}
  old.deletion = new Promise<void>((resolve) => {
    vanish = resolve
  }).then(() => tables.on(old, 'vanish'))
  const table = seal('a')
  expect(table.state).toBe('resealed')
  const settled = uploads.settled()
  seal('b')
  await pending.arrive('b')
  expect(pending.started).toEqual(['b'])
  vanish()
  await pending.arrive('a')
  await settled
  expect(tables.live('a')!.state).toBe('stored')
  expect(tables.leaving.size).toBe(0)
})
