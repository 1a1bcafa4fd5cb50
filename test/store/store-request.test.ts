import { expect, test } from 'vitest'
import { unlimited } from '#src/store/send.js'
import { observing, type StoreRequest } from '#src/store/store-request.js'
import { ManualClock } from '../support/manual-clock.js'

test('the duration of a request does not depend on changes of the time of day', async () => {
  const clock = new ManualClock()
  const requests: StoreRequest[] = []
  const onRequest = (request: StoreRequest) => requests.push(request)
  const send = observing({ clock, onRequest }, unlimited)
  await send({ operation: 'get', key: 'a', explain: (error) => error as never }, async () => {
    clock.advance(30)
    clock.jump(-86_400_000)
  })
  expect(requests).toMatchObject([{ milliseconds: 30, ok: true }])
})
