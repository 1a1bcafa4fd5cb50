import { expect, test } from 'vitest'
import { WarmUps } from '#src/cloud/warm-ups.js'
import type { WarmUpOptions, WarmUpResult } from '#src/env/warm-up.js'

/** Work that goes on until its signal, and a little longer. */
function endless(onEnd: () => void = () => {}) {
  return async ({ signal }: WarmUpOptions): Promise<WarmUpResult> => {
    await new Promise((resolve) => signal!.addEventListener('abort', resolve))
    await Promise.resolve()
    onEnd()
    throw signal!.reason
  }
}

test('those of one database end when it is closed, and the others go on', async () => {
  const warmUps = new WarmUps()
  let ended = 0
  const first = warmUps.run(
    '/root/a',
    {},
    endless(() => ended++),
  )
  const other = warmUps.run('/root/b', {}, endless())
  await Promise.all([
    expect(first).rejects.toMatchObject({
      code: 'IOError',
      message: 'the warm-up of /root/a has ended: the database was closed',
      retryable: true,
    }),
    warmUps.end('the database', '/root/a').then(() => expect(ended).toBe(1)),
  ])
  await Promise.all([
    expect(other).rejects.toThrow('the warm-up of /root/b has ended: the Env was closed'),
    warmUps.end('the Env'),
  ])
  await warmUps.end('the Env')
})

test("the caller's signal ends one with its own reason", async () => {
  const abort = new AbortController()
  const running = new WarmUps().run('/root/a', { signal: abort.signal }, endless())
  abort.abort(new Error('enough'))
  await expect(running).rejects.toThrow('enough')
})

test('one that fails or is done needs no end', async () => {
  const warmUps = new WarmUps()
  const work = () => Promise.reject(new Error('the store is away'))
  await expect(warmUps.run('/root/a', {}, work)).rejects.toThrow('the store is away')
  await warmUps.end('the database', '/root/a')
})
