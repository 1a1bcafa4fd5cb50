import { expect, test } from 'vitest'
import { runChild } from '../support/child.js'

/** Work that says when it begins, and cleans up once it is aborted. */
const code = `
  const { interruptible } = await load('cli/interruptible.js')
  await interruptible(async (signal) => {
    console.log('working')
    const timer = setInterval(() => {}, 1000)
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    clearInterval(timer)
    console.log('cleaned up')
    signal.throwIfAborted()
  }).catch((error) => console.log(error.message))
`

test.each(['SIGINT', 'SIGTERM'] as const)(
  'work cleans up at %s, and the process ends by it',
  async (signal) => {
    const { process: child, lines, ended } = runChild(code)
    expect((await lines.next()).value).toBe('working')
    child.kill(signal)
    expect((await lines.next()).value).toBe('cleaned up')
    expect(await ended).toBe(signal)
  },
)

test('a second signal does not wait for the work', async () => {
  const endless = code.replace('clearInterval(timer)', 'await new Promise(() => {})')
  const { process: child, lines, ended } = runChild(endless)
  await lines.next()
  child.kill('SIGINT')
  const again = setInterval(() => child.kill('SIGINT'), 50)
  expect(await ended).toBe('SIGINT')
  clearInterval(again)
})
