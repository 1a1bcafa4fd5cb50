import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { lockFile } from '#src/env/file-lock.js'
import { runChild } from '../support/child.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const newPath = () => join(temporaryDirectory(), 'lock')

/** A process that holds the lock, and has a child of its own. */
async function holder(path: string) {
  const child = runChild(
    `const { spawn } = await import('node:child_process')
     const { lockFile } = await load('env/file-lock.js')
     const lock = await lockFile(args[0])
     const { pid } = spawn('sleep', ['1000'], { stdio: 'ignore' })
     setInterval(() => lock, 1000)
     console.log(pid)`,
    [path],
  )
  const { value: pid } = await child.lines.next()
  onTestFinished(() => void process.kill(Number(pid)))
  return child
}

test('a process that asks twice is refused, until it has released the lock', async () => {
  const path = newPath()
  const lock = await lockFile(path)
  expect(lock).toBeDefined()
  expect(await lockFile(path)).toBeUndefined()
  await lock?.close()
  const again = await lockFile(path)
  expect(again).toBeDefined()
  await again?.close()
})

test('the lock outlives the last reference to it', async () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  const path = newPath()
  await lockFile(path)
  for (let turn = 0; turn < 10; turn++) {
    await setImmediate()
    collectGarbage()
  }
  expect(await lockFile(path)).toBeUndefined()
})

test('the lock of a process is free the moment it is killed, whatever it has started', async () => {
  const path = newPath()
  const { process, ended } = await holder(path)
  expect(await lockFile(path)).toBeUndefined()
  process.kill('SIGKILL')
  await ended
  const lock = await lockFile(path)
  expect(lock).toBeDefined()
  await lock?.close()
})

test('the lock of a thread is free once the thread is terminated', async () => {
  const path = newPath()
  const module = new URL('../../dist/env/file-lock.js', import.meta.url).href
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
     parentPort.on('message', () => {})
     import(${JSON.stringify(module)})
       .then(({ lockFile }) => lockFile(${JSON.stringify(path)}))
       .then((lock) => { globalThis.lock = lock; parentPort.postMessage('held') })`,
    { eval: true },
  )
  await new Promise((resolve) => worker.once('message', resolve))
  expect(await lockFile(path)).toBeUndefined()
  await worker.terminate()
  const lock = await lockFile(path)
  expect(lock).toBeDefined()
  await lock?.close()
})

test('a file that cannot be there is an error of the system, not a lock that somebody else has', async () => {
  await expect(lockFile(join(newPath(), 'below'))).rejects.toMatchObject({ code: 'ENOENT' })
})
