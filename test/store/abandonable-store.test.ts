import { expect, test } from 'vitest'
import { AbandonableStore } from '#src/store/abandonable-store.js'
import type { ObjectStore } from '#src/store/object-store.js'

/** A store that never answers. */
function silentStore(): ObjectStore & { readonly signals: (AbortSignal | undefined)[] } {
  const signals: (AbortSignal | undefined)[] = []
  const never = (signal?: AbortSignal) => {
    signals.push(signal)
    return new Promise<never>(() => {})
  }
  return {
    url: 's3://silent',
    signals,
    get: (_key, _range, options) => never(options?.signal),
    head: (_key, options) => never(options?.signal),
    put: (_key, _body, options) => never(options?.signal),
    // biome-ignore lint/correctness/useYield: it never gets that far
    async *list(_prefix, options) {
      await never(options?.signal)
    },
    deleteMany: (_keys, options) => never(options?.signal),
    copy: (_source, _target, options) => never(options?.signal),
    close: async () => {},
  }
}

const calls: [string, (store: ObjectStore) => Promise<unknown>][] = [
  ['get', (store) => store.get('a/key')],
  ['head', (store) => store.head('a/key')],
  ['put', (store) => store.put('a/key', Buffer.from('x'))],
  ['list', async (store) => store.list('a/')[Symbol.asyncIterator]().next()],
  ['deleteMany', (store) => store.deleteMany(['a/key'])],
  ['copy', (store) => store.copy('b/key', 'a/key')],
]

test.each(calls)(
  'a %s under way ends down to the socket when its keys are abandoned',
  async (_name, call) => {
    const silent = silentStore()
    const store = new AbandonableStore(silent)
    const outcome = call(store).catch((error: unknown) => error)
    store.abandon((key) => key.startsWith('b/'))
    expect(silent.signals[0]?.aborted).toBe(false)
    store.abandon((key) => key.startsWith('a/'))
    expect(silent.signals[0]?.aborted).toBe(true)
    expect(await outcome).toMatchObject({
      code: 'TimedOut',
      retryable: true,
      message: expect.stringContaining('s3://silent/a/'),
    })
  },
)

test('later calls are not affected', async () => {
  const silent = silentStore()
  const store = new AbandonableStore(silent)
  store.abandon(() => true)
  void store.head('a/key')
  expect(silent.signals[0]?.aborted).toBe(false)
})

test("a caller's own signal still counts", async () => {
  const silent = silentStore()
  const store = new AbandonableStore(silent)
  const abort = new AbortController()
  const put = store.put('a/key', Buffer.from('x'), { signal: abort.signal })
  abort.abort(new Error('cancelled'))
  await expect(put).rejects.toThrow('cancelled')
  expect(silent.signals[0]?.aborted).toBe(true)
})
