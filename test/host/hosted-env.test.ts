import { execFile } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { existsSync, statSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { EnvError } from '#src/env/env-error.js'
import { type HostedEnv, hostedEnv, memoryEnv, posixEnv } from '#src/host/hosted-env.js'
import { WireClient } from '../support/wire-client.ts'

const module = new URL('../support/env-module.js', import.meta.url)
const running: HostedEnv[] = []

afterEach(async () => {
  for (const env of running.splice(0)) await env.close().catch(() => {})
})

function measuredEnv(options?: unknown): HostedEnv {
  const env = hostedEnv({ module, export: 'createMeasuredEnv', options })
  running.push(env)
  return env
}

test.each([
  ['posixEnv', posixEnv],
  ['memoryEnv', memoryEnv],
])('%s serves its socket from a thread', async (_, create) => {
  const env = create()
  running.push(env)
  const client = await WireClient.connect(await env.start())
  expect(await client.freeSpace('/')).toBeGreaterThan(0)
  await client.disconnect()
})

test('calls of start share one host until it is closed', async () => {
  const env = measuredEnv()
  const [first, second] = await Promise.all([env.start(), env.start()])
  expect(second).toBe(first)
  expect(await env.start()).toBe(first)
  await env.close()
  expect(existsSync(dirname(first))).toBe(false)
  expect(await env.start()).not.toBe(first)
})

test('only this user may enter the directory of the socket', async () => {
  const socketPath = await measuredEnv().start()
  expect(statSync(dirname(socketPath)).mode & 0o777).toBe(0o700)
})

test('the Env gets a copy of the options, made when it was specified', async () => {
  const options = { store: 'file:///a', nested: { when: new Date(0) } }
  const env = measuredEnv(options)
  options.store = 'changed'
  await env.start()
  expect(await env.metrics()).toEqual({ options: { store: 'file:///a', nested: { when: new Date(0) } } })
})

test('an Env that is not running, or has no metrics, reports none', async () => {
  const env = memoryEnv()
  running.push(env)
  expect(await env.metrics()).toBeUndefined()
  await env.start()
  expect(await env.metrics()).toBeUndefined()
})

describe('events', () => {
  const events = ['look', 'leap']

  function tellingEnv(): HostedEnv & Required<Pick<HostedEnv, 'on'>> {
    const env = hostedEnv({ module, export: 'createTellingEnv', events })
    running.push(env)
    return env as ReturnType<typeof tellingEnv>
  }

  /** Looks for a file, and returns once what that told has arrived. */
  async function look(env: HostedEnv, path: string): Promise<void> {
    const client = await WireClient.connect(await env.start())
    await client.exists(path).catch(() => {})
    await client.disconnect()
    await env.metrics()
  }

  test('reach whoever listens, from before the start until they are removed, and through a restart', async () => {
    const env = tellingEnv()
    const first: unknown[] = []
    const second: unknown[] = []
    const remove = env.on('look', (path) => first.push(path))
    await look(env, '/a')
    expect(await env.metrics()).toEqual(['look'])
    env.on('look', (path) => second.push(path))
    await look(env, '/b')
    remove()
    await look(env, '/c')
    expect([first, second]).toEqual([
      ['/a', '/b'],
      ['/b', '/c'],
    ])
    await env.close()
    await look(env, '/d')
    expect(second).toEqual(['/b', '/c', '/d'])
  })

  test('are not told to the thread while nobody listens', async () => {
    const env = tellingEnv()
    await env.start()
    expect(await env.metrics()).toEqual([])
    const removers = [env.on('look', () => {}), env.on('look', () => {}), env.on('leap', () => {})]
    expect(await env.metrics()).toEqual(['look', 'leap'])
    for (const remove of removers) remove()
    expect(await env.metrics()).toEqual([])
  })

  test('are published on diagnostics channels that have a subscriber when the Env starts, or metrics are asked for', async () => {
    const paths: unknown[] = []
    const onLook = (path: unknown) => paths.push(path)
    subscribe('rocksdb-cloud-env:look', onLook)
    const env = tellingEnv()
    await look(env, '/a')
    unsubscribe('rocksdb-cloud-env:look', onLook)
    // Noticed when this arrives.
    await look(env, '/b')
    expect(await env.metrics()).toEqual([])
    subscribe('rocksdb-cloud-env:look', onLook)
    await env.metrics()
    await look(env, '/c')
    unsubscribe('rocksdb-cloud-env:look', onLook)
    expect(paths).toEqual(['/a', '/c'])
  })

  test('that the Env does not have are refused', () => {
    expect(() => tellingEnv().on('lok', () => {})).toThrow(
      new TypeError('unknown event "lok"; this Env has look, leap'),
    )
    expect(() => hostedEnv({ module, export: 'createTellingEnv', events: 'look' as never })).toThrow(
      'expected "events" to be an array of names, got "look"',
    )
  })
})

test('default options are as specified, and cannot be changed', () => {
  const env = hostedEnv({ module, export: 'createMeasuredEnv', defaultOptions: { max_open_files: 100 } })
  expect(env.defaultOptions).toEqual({ max_open_files: 100 })
  expect(Object.isFrozen(env.defaultOptions)).toBe(true)
  expect(posixEnv().defaultOptions).toEqual({})
})

describe('an invalid specification is a TypeError', () => {
  test('options that cannot be copied to another thread, without showing them', () => {
    const options = { store: 's3://b', credentials: () => 'hunter2' }
    const describeIt = () => hostedEnv({ module, export: 'createMeasuredEnv', options })
    expect(describeIt).toThrow(TypeError)
    expect(describeIt).toThrow('"credentials"')
    expect(describeIt).not.toThrow('hunter2')
  })

  test('a relative module, which would be resolved in this package', () => {
    expect(() => hostedEnv({ module: './my-env.js', export: 'createMyEnv' })).toThrow(TypeError)
  })

  test('a missing name of an export', () => {
    expect(() => hostedEnv({ module } as never)).toThrow(TypeError)
  })
})

describe('start rejects with the error', () => {
  const startError = async (name: string, options?: unknown, from: URL | string = module) => {
    const env = hostedEnv({ module: from, export: name, options })
    running.push(env)
    return await env.start().catch((error: unknown) => error)
  }

  test('a TypeError or RangeError of the factory, as such', async () => {
    const typeError = await startError('createNothing', { how: 'TypeError' })
    expect(typeError).toBeInstanceOf(TypeError)
    expect(typeError).toMatchObject({ message: 'expected "store" to be a URL, got 7' })
    expect(await startError('createNothing', { how: 'RangeError' })).toBeInstanceOf(RangeError)
  })

  test('an EnvError of the factory with its code and scope', async () => {
    const error = await startError('createNothing', { how: 'EnvError' })
    expect(error).toBeInstanceOf(EnvError)
    expect(error).toMatchObject({ code: 'NotFound', message: 'no such bucket', scope: 'fileSystem' })
  })

  test('anything else that was thrown, as an Error', async () => {
    expect(await startError('createNothing', { how: 'null' })).toMatchObject({ message: 'null' })
  })

  test('a missing module', async () => {
    expect(await startError('createEnv', {}, '/no/such/module.js')).toMatchObject({
      code: 'ERR_MODULE_NOT_FOUND',
    })
  })

  test('an export that is not a function', async () => {
    const error = await startError('notAFunction')
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toMatchObject({ message: expect.stringContaining('"notAFunction"') })
  })

  test('and leaves nothing behind, so that the next start may succeed', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'late-'))
    const late = join(directory, 'late.mjs')
    const env = hostedEnv({ module: late, export: 'createMemoryEnv' })
    running.push(env)
    await expect(env.start()).rejects.toThrow()
    await writeFile(late, `export * from ${JSON.stringify(import.meta.resolve('#src/env/memory-env.js'))}`)
    expect(existsSync(await env.start())).toBe(true)
    await rm(directory, { recursive: true })
  })
})

test('close rejects with the error of the Env, and ends the host all the same', async () => {
  const env = measuredEnv({ failClose: true })
  const socketPath = await env.start()
  const closed = env.close()
  await expect(closed).rejects.toBeInstanceOf(EnvError)
  await expect(closed).rejects.toMatchObject({ code: 'TimedOut', retryable: true })
  expect(existsSync(dirname(socketPath))).toBe(false)
})

test.each([
  ['/crash', 'a bug in the Env'],
  ['/exit', 'exit code 3'],
])(
  'a host that dies (%s) ends its connections, and fails the next start with the reason',
  async (path, reason) => {
    const env = measuredEnv()
    const socketPath = await env.start()
    const client = await WireClient.connect(socketPath)
    client.exists(path).catch(() => {})
    await client.frames.closed
    await expect
      .poll(() => env.start().catch((error: unknown) => error))
      .toMatchObject({
        name: 'EnvError',
        code: 'IOError',
        message: expect.stringContaining(reason),
      })
    expect(existsSync(dirname(socketPath))).toBe(false)
    await expect(env.metrics()).rejects.toThrow(reason)
    await env.close()
    await env.start()
  },
)

describe('a process', () => {
  const run = async (script: string, environment: NodeJS.ProcessEnv = {}) => {
    const source = `import { memoryEnv } from ${JSON.stringify(import.meta.resolve('#src/host/hosted-env.js'))}\n${script}`
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', source],
      { env: { ...process.env, ...environment }, timeout: 120_000 },
    )
    return stdout.trim()
  }

  test('ends by itself while a host runs, and leaves no socket behind', async () => {
    const socketPath = await run('console.log(await memoryEnv().start())')
    expect(socketPath).toMatch(/env\.sock$/)
    expect(existsSync(dirname(socketPath))).toBe(false)
  })

  test('waits for a host that is starting or closing', async () => {
    expect(
      await run('const env = memoryEnv(); await env.start(); await env.close(); console.log("closed")'),
    ).toBe('closed')
  })

  test('with a temporary directory too deep for a socket uses /tmp', async () => {
    const root = await mkdtemp(join(tmpdir(), 'deep-'))
    const deep = join(root, 'd'.repeat(100))
    await mkdir(deep)
    const socketPath = await run('console.log(await memoryEnv().start())', { TMPDIR: deep })
    expect(dirname(dirname(socketPath))).toBe('/tmp')
    expect(Buffer.byteLength(socketPath)).toBeLessThan(104)
    await rm(root, { recursive: true })
  })
})
