import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '#src/env/clock.js'
import { DirectoryLock } from '#src/store/directory-lock.js'
import { ownIdentity } from '#src/store/process-identity.js'
import { runChild } from '../support/child.js'
import { ManualClock } from '../support/manual-clock.js'

let directory: string
let path: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cloudenv-lock-'))
  mkdirSync(join(directory, 'drafts'))
  path = join(directory, 'lock')
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const newLock = (clock = systemClock) => new DirectoryLock(path, join(directory, 'drafts'), clock)
const holder = (changes: object) =>
  JSON.stringify({ id: '00000000-0000-4000-8000-000000000000', ...ownIdentity(), ...changes })
const nothingIsLeft = () => {
  expect(readdirSync(directory)).toEqual(['drafts'])
  expect(readdirSync(join(directory, 'drafts'))).toEqual([])
}

test('two locks on one file never run at the same time', async () => {
  let running = 0
  let most = 0
  const work = async () => {
    most = Math.max(most, ++running)
    await new Promise((resolve) => setImmediate(resolve))
    running--
  }
  const locks = [newLock(), newLock(), newLock()]
  await Promise.all(Array.from({ length: 60 }, (_, index) => locks[index % 3]!.run(work)))
  expect(most).toBe(1)
  nothingIsLeft()
})

test('an action that fails gives the lock back', async () => {
  const lock = newLock()
  await expect(lock.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await lock.run(async () => 'yes')).toBe('yes')
  nothingIsLeft()
})

describe('a lock left behind', () => {
  test('in a directory that was away when it was to be given back is taken again', async () => {
    const lock = newLock()
    await lock.run(async () => renameSync(directory, `${directory}-away`))
    renameSync(`${directory}-away`, directory)
    expect(existsSync(path)).toBe(true)
    expect(await lock.run(async () => 'yes')).toBe('yes')
    nothingIsLeft()
  })

  test('by a process that was killed is taken over at once, by one of many', async () => {
    const child = runChild(
      `const { DirectoryLock } = await load('store/directory-lock.js')
       const { systemClock } = await load('env/clock.js')
       setInterval(() => {}, 1000)
       await new DirectoryLock(args[0], args[1], systemClock).run(() => { console.log('held'); return new Promise(() => {}) })`,
      [path, join(directory, 'drafts')],
    )
    await child.lines.next()
    let entered = 0
    const waiting = [newLock(), newLock(), newLock()].map((lock) =>
      lock.run(async () => {
        expect(++entered).toBe(1)
        await new Promise((resolve) => setImmediate(resolve))
        entered--
      }),
    )
    child.process.kill('SIGKILL')
    await child.ended
    await Promise.all(waiting)
    expect(readdirSync(directory)).toEqual(['drafts'])
  })

  test('by a process whose number another one has now is taken over', async () => {
    writeFileSync(path, holder({ started: '1' }))
    expect(await newLock().run(async () => 'entered')).toBe('entered')
    nothingIsLeft()
  })

  test.each(['', '{}', '{"id":"../../x"}', '\0\0\0'])(
    'that a power cut made %j is taken over',
    async (content) => {
      writeFileSync(path, content)
      expect(await newLock().run(async () => 'entered')).toBe('entered')
      nothingIsLeft()
    },
  )

  test('by somebody who died while clearing away another is taken over', async () => {
    writeFileSync(path, holder({ started: '1' }))
    writeFileSync(
      `${path}-00000000-0000-4000-8000-000000000000`,
      holder({ id: '00000000-0000-4000-8000-000000000001', started: '2' }),
    )
    expect(await newLock().run(async () => 'entered')).toBe('entered')
    nothingIsLeft()
  })

  test('by another machine is taken over after a minute, and not before', async () => {
    writeFileSync(path, holder({ machine: 'elsewhere' }))
    const clock = new ManualClock()
    clock.advance(Date.now() - clock.now())
    let entered = false
    const run = newLock(clock).run(async () => {
      entered = true
    })
    const pass = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 50) {
        clock.advance(50)
        for (let turn = 0; turn < 8; turn++) await new Promise((resolve) => setImmediate(resolve))
      }
    }
    await pass(50_000)
    expect(entered).toBe(false)
    await pass(15_000)
    await run
    expect(entered).toBe(true)
    nothingIsLeft()
  })
})

test.each([0, 86_400_000, -86_400_000])(
  'a holder that lives but hangs is named, after two minutes, when the time of day is set by %i ms',
  async (ms) => {
    writeFileSync(path, holder({}))
    const clock = new ManualClock()
    const startedMs = clock.elapsed()
    const run = newLock(clock).run(async () => {})
    const outcome = run.then(
      () => 'entered',
      (error) => error,
    )
    let settled = false
    void outcome.then(() => {
      settled = true
    })
    const passedMs = () => clock.elapsed() - startedMs
    let hasJumped = false
    while (!settled && passedMs() < 3 * 120_000) {
      clock.advance(50)
      for (let turn = 0; turn < 8; turn++) await new Promise((resolve) => setImmediate(resolve))
      if (!hasJumped && passedMs() > 60_000) {
        clock.jump(ms)
        hasJumped = true
      }
    }
    expect(settled).toBe(true)
    expect(passedMs()).toBeGreaterThan(120_000)
    expect(await outcome).toMatchObject({ code: 'TimedOut', retryable: true })
    expect((await outcome).message).toContain(`process ${process.pid}`)
  },
)
