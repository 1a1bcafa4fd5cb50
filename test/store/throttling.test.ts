// A store that takes only so many requests at a time, as seen by that store.
import { expect, onTestFinished, test } from 'vitest'
import { type Clock, systemClock } from '#src/env/clock.js'
import { S3Store } from '#src/store/s3-store.js'
import { failure, SettableStore } from '../support/settable-store.js'
import { bytes } from './contract.js'

/** Four times as fast as the clock of the machine: throttling shows within seconds. */
const fastClock: Clock = {
  now: () => systemClock.now(),
  elapsed: () => systemClock.elapsed() * 4,
  after: (ms, callback, options) => systemClock.after(ms / 4, callback, options),
}

/** A store that answers PUT after a while, or at once with SlowDown to all beyond `taken` requests in flight. */
class BusyStore {
  taken = Number.POSITIVE_INFINITY
  answerMs = 50
  /** Requests in flight as each one arrived, itself included. */
  readonly seen: number[] = []
  refused = 0
  #inFlight = 0

  async start(): Promise<S3Store> {
    const server = await SettableStore.start({
      answer: (_call, response) => {
        this.#inFlight += 1
        this.seen.push(this.#inFlight)
        response.once('close', () => {
          this.#inFlight -= 1
        })
        if (this.#inFlight > this.taken) {
          this.refused += 1
          return failure(503, 'SlowDown')
        }
        setTimeout(
          () => response.writeHead(200, { etag: '"1"', 'x-amz-request-id': '1' }).end(),
          this.answerMs,
        )
        return 'answered'
      },
    })
    onTestFinished(() => server.stop())
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' }
    // Longer than any machine takes that is only busy.
    const times = { clock: fastClock, requestTimeoutMs: 600_000, idleTimeoutMs: 600_000 }
    const store = new S3Store({ endpoint: server.endpoint, bucket: 'b', credentials, ...times })
    onTestFinished(() => store.close())
    return store
  }

  /** Most requests in flight that the last ones found. */
  lately(requests: number): number {
    return Math.max(...this.seen.slice(-requests))
  }
}

/** Puts so many objects, 32 at a time. */
async function load(store: S3Store, objects: number): Promise<void> {
  let begun = 0
  const work = async () => {
    while (begun++ < objects) await store.put('key', bytes('content'))
  }
  await Promise.all(Array.from({ length: 32 }, work))
}

test('a store that throttles gets as many requests as it takes, all of them succeed, and it gets more when it takes more', async () => {
  const busy = new BusyStore()
  const store = await busy.start()
  // So slow that many are in flight, however slow this machine is.
  busy.answerMs = 200
  await load(store, 128)
  expect(busy.lately(128)).toBeGreaterThan(16)

  busy.answerMs = 50
  busy.taken = 4
  await load(store, 200)
  expect(busy.refused).toBeGreaterThan(0)
  // The limit is where the store throttles, or has just been tried one above it.
  expect(busy.lately(50)).toBeLessThanOrEqual(6)
  expect(busy.refused).toBeLessThan(200)

  busy.answerMs = 200
  busy.taken = Number.POSITIVE_INFINITY
  const refusedBefore = busy.refused
  do await load(store, 100)
  while (busy.lately(100) <= 16)
  expect(busy.refused).toBe(refusedBefore)
})
