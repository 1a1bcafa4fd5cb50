import { expect, test } from 'vitest'
import { DelegatingEnv } from '#src/env/delegating-env.js'
import type { Env } from '#src/env/env.js'
import { createMemoryEnv } from '#src/env/memory-env.js'
import { createPosixEnv } from '#src/env/posix-env.js'
import { describeEnv } from './env-contract.ts'

describeEnv('DelegatingEnv', () => new DelegatingEnv(createMemoryEnv()), { local: false })

test('the bridge may do by itself what it may do with the other Env', () => {
  for (const env of [createMemoryEnv(), createPosixEnv()]) {
    const { localNames, localLocks } = new DelegatingEnv(env)
    expect({ localNames, localLocks }).toEqual({ localNames: env.localNames, localLocks: env.localLocks })
  }
})

test('a method that the other Env lacks behaves as if absent', async () => {
  const env = new DelegatingEnv(createPosixEnv())
  expect(await env.makeRoom('/a', 1)).toBe(false)
  expect(await env.refetch('/a', 0, 1, 0)).toEqual({ isOther: false, advice: '' })
  await expect(env.stateAt('/a', 1)).rejects.toMatchObject({ code: 'NotSupported' })
  env.releaseState('/a')
  await expect(env.warmUp('/a', {})).rejects.toMatchObject({ code: 'NotSupported' })
  expect(env.metrics()).toBeUndefined()
  env.abandon('/a')
  env.attach({ fenced() {} })
  env.listen([], () => {})
})

test('a method that the other Env has is forwarded', async () => {
  const calls: unknown[][] = []
  const optional = [
    'attach',
    'makeRoom',
    'abandon',
    'refetch',
    'stateAt',
    'releaseState',
    'warmUp',
    'metrics',
    'listen',
  ] as const
  const methods = optional.map((name) => [
    name,
    (...parameters: unknown[]) => calls.push([name, ...parameters]),
  ])
  const env = new DelegatingEnv(Object.assign(createMemoryEnv(), Object.fromEntries(methods)) as Env)
  const listener = { fenced() {} }
  env.attach(listener)
  await env.makeRoom('/a', 1)
  env.abandon('/a')
  await env.refetch('/a', 2, 3, 4)
  await env.stateAt('/a', 'monday')
  env.releaseState('/b')
  await env.warmUp('/c', { levels: [0] })
  env.metrics()
  const send = () => {}
  env.listen(['look'], send)
  expect(calls).toEqual([
    ['attach', listener],
    ['makeRoom', '/a', 1],
    ['abandon', '/a'],
    ['refetch', '/a', 2, 3, 4],
    ['stateAt', '/a', 'monday'],
    ['releaseState', '/b'],
    ['warmUp', '/c', { levels: [0] }],
    ['metrics'],
    ['listen', ['look'], send],
  ])
})
