import { describe, expect, test } from 'vitest'
import { parseAt } from '#src/cli/at-option.js'
import { runCommand } from '../support/command-runner.js'
import { Machine } from '../support/machine.js'
import { cliAccess, mainTestStores } from '../support/test-stores.js'

describe('--at', () => {
  test.each([
    ['17', 17n],
    ['2026-11-27T08:00Z', new Date('2026-11-27T08:00:00Z')],
    ['2026-11-27', new Date('2026-11-27T00:00:00Z')],
    ['monday', 'monday'],
    ['v1.2', 'v1.2'],
  ])('%s is a state', (text, state) => {
    expect(parseAt(text)).toEqual(state)
  })

  test.each(['', '1.5 h', '2026-13-45', '../x', 'a b'])('%j is none', (text) => {
    expect(() => parseAt(text)).toThrow(/expected --at to be a time such as/)
  })
})

describe.each(mainTestStores())('on $name', ({ make }) => {
  test('get and scan read a past state, and say what there is where there is none', async () => {
    const store = make()
    await new Machine(store).open(async (db) => {
      for (const value of ['1', '2']) {
        for (const key of ['a', 'z']) await db.put(key, value)
        await db.flush()
      }
      await db.compactRange()
    })
    const { options, env } = cliAccess(store)
    const cloudenv = (command: string, ...rest: string[]) =>
      runCommand([command, store.url('db'), ...options, ...rest], env)
    expect((await cloudenv('get', 'a', '--at', '2')).stdout).toBe('1\n')
    expect((await cloudenv('get', 'a')).stdout).toBe('2\n')
    expect((await cloudenv('scan', '--at', '3')).stdout).toBe('a\t1\nz\t1\n')
    const missing = await cloudenv('get', 'a', '--at', '2001-01-01')
    expect(missing).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('The oldest state that can be'),
    })
    expect((await cloudenv('scan', '--at', 'monday')).stderr).toContain('no checkpoint "monday"')
  })
})
