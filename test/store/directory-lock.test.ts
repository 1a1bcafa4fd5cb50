import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { type Clock, systemClock } from '#src/env/clock.js'
import { lockFile } from '#src/env/file-lock.js'
import { DirectoryLock } from '#src/store/directory-lock.js'
import { type Child, runChild } from '../support/child.js'
import { needsNamespaces } from '../support/network-namespace.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

let directory: string
let path: string
beforeEach(() => {
  directory = join(temporaryDirectory(), 'store')
  mkdirSync(directory)
  path = join(directory, 'lock')
})

const newLock = (clock = systemClock) => new DirectoryLock(path, clock)

/** A process that holds the lock for good. */
async function holder({ isolated = false } = {}): Promise<Child> {
  const child = runChild(
    `const { DirectoryLock } = await load('store/directory-lock.js')
     const { systemClock } = await load('env/clock.js')
     setInterval(() => {}, 1000)
     await new DirectoryLock(args[0], systemClock).runExclusive(() => { console.log('held'); return new Promise(() => {}) })`,
    [path],
    { isolated },
  )
  await child.lines.next()
  return child
}

/** Runs so many actions on three locks. @returns how many of them ran at once, at most. */
async function mostAtOnce(actions: number): Promise<number> {
  const locks = [newLock(), newLock(), newLock()]
  let running = 0
  let most = 0
  const work = async () => {
    most = Math.max(most, ++running)
    await new Promise((resolve) => setImmediate(resolve))
    running--
  }
  await Promise.all(Array.from({ length: actions }, (_, index) => locks[index % 3]!.runExclusive(work)))
  return most
}

test('two locks on one file are never held at the same time', async () => {
  expect(await mostAtOnce(60)).toBe(1)
})

test('an action that fails releases the lock', async () => {
  const lock = newLock()
  await expect(lock.runExclusive(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await newLock().runExclusive(async () => 'yes')).toBe('yes')
})

test('a lock in a directory that was away when it was given back is taken again', async () => {
  const lock = newLock()
  await lock.runExclusive(async () => renameSync(directory, `${directory}-away`))
  await expect(lock.runExclusive(async () => 'no')).rejects.toMatchObject({ code: 'ENOENT' })
  renameSync(`${directory}-away`, directory)
  expect(await lock.runExclusive(async () => 'yes')).toBe('yes')
})

test('whatever is in the file, the lock can be taken', async () => {
  writeFileSync(path, '{"id":"00000000-0000-4000-8000-000000000000"}')
  expect(await newLock().runExclusive(async () => 'yes')).toBe('yes')
})

describe.each([
  { what: 'process', isolated: false, isSkipped: false },
  { what: `container${needsNamespaces}`, isolated: true, isSkipped: needsNamespaces !== '' },
])('the lock of another $what', ({ isolated, isSkipped }) => {
  test.skipIf(isSkipped)(
    'excludes until that is killed, and is then taken at once, by one of many',
    async () => {
      const child = await holder({ isolated })
      expect(await lockFile(path)).toBeUndefined()
      const waiting = mostAtOnce(6)
      child.process.kill('SIGKILL')
      await child.ended
      expect(await waiting).toBe(1)
    },
  )
})

test('a holder that hangs is an error after two minutes, whatever happens to the time of day', async () => {
  const held = await lockFile(path)
  let passedMs = 0
  /** Every pause is over at once, and has passed. */
  const clock: Clock = {
    now: () => expect.unreachable(),
    elapsed: () => passedMs,
    after(ms, callback) {
      passedMs += ms
      const immediate = setImmediate(callback)
      return () => clearImmediate(immediate)
    },
  }
  await expect(newLock(clock).runExclusive(async () => 'entered')).rejects.toMatchObject({
    code: 'TimedOut',
    retryable: true,
    message: expect.stringContaining(path),
  })
  expect(passedMs).toBeGreaterThan(120_000)
  expect(passedMs).toBeLessThan(121_000)
  await held?.close()
  expect(await newLock().runExclusive(async () => 'entered')).toBe('entered')
})
