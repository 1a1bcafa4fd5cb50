import { expect, test } from 'vitest'
import { Uploads } from '#src/cloud/uploads.js'
import { EnvError } from '#src/env/env-error.js'

/** An upload that ends when the test says so. */
class Pending {
  readonly started: string[] = []
  readonly #ends = new Map<string, { resolve: () => void; reject: (error: Error) => void }>()

  readonly upload = (name: string, signal: AbortSignal): Promise<void> => {
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

  async fail(name: string): Promise<void> {
    await expect.poll(() => this.#ends.has(name)).toBe(true)
    this.#ends.get(name)!.reject(new EnvError('IOError', `${name}: the store is away`, { retryable: true }))
    this.#ends.delete(name)
  }
}

test('a wait ends when every upload that was started has arrived', async () => {
  const pending = new Pending()
  const uploads = new Uploads(pending.upload)
  uploads.start('a')
  uploads.start('b')
  let ended = false
  const settled = uploads.settled().then(() => {
    ended = true
  })
  await pending.arrive('a')
  expect(ended).toBe(false)
  await pending.arrive('b')
  await settled
  expect(uploads.size).toBe(0)
})

test('a failed upload fails the wait, and the next wait tries it again', async () => {
  const pending = new Pending()
  const uploads = new Uploads(pending.upload)
  uploads.start('a')
  const first = uploads.settled()
  const refused = expect(first).rejects.toThrow('a: the store is away')
  await pending.fail('a')
  await refused

  const second = uploads.settled()
  await pending.arrive('a')
  await second
  expect(pending.started).toEqual(['a', 'a'])
  expect(uploads.size).toBe(0)
})

test('a cancelled upload is waited for by nobody', async () => {
  const pending = new Pending()
  const uploads = new Uploads(pending.upload)
  uploads.start('a')
  await expect.poll(() => pending.started).toEqual(['a'])
  await uploads.cancel('a')
  await uploads.settled()
  expect(uploads.size).toBe(0)
})
