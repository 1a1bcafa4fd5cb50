// User-written stores, opened by a module.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { EnvError } from '#src/env/env-error.js'
import type { ObjectStore } from '#src/store/object-store.js'
import { openStore } from '#src/store/open-store.js'
import { StoreMetrics } from '#src/store/store-metrics.js'
import { runChild } from '../support/child.js'
import { ImpatientClock } from '../support/impatient-clock.js'
import { memoryStore } from '../support/memory-store.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { testContract } from './contract.js'

describe('the example of docs/stores.md', async () => {
  const { openStore }: { openStore(url: string, options: object): ObjectStore } = await import(
    memoryStore.storeModule
  )
  testContract((place) => openStore(`memory://tests/${place}`, {}))
})

describe('the example of docs/stores.md, opened as a store of an Env', () => {
  testContract((place) => openStore(`memory://tests/${place}`, memoryStore))
})

test('docs/stores.md shows the example as it is', () => {
  const docs = readFileSync(new URL('../../docs/stores.md', import.meta.url), 'utf8')
  expect(docs).toContain(readFileSync(memoryStore.storeModule, 'utf8'))
})

const directory = temporaryDirectory('cloudenv-module')
let modules = 0

/** A module with this code. */
function moduleOf(code: string): string {
  const path = join(directory, `module-${modules++}.mjs`)
  writeFileSync(path, code)
  return path
}

const open = (code: string, options = {}, url = 'mine://place') =>
  openStore(url, { storeModule: moduleOf(code), ...options })

const methods = 'get() {}, head() {}, put() {}, async *list() {}, deleteMany() {}, copy() {}, close() {}'

test('a module is given the URL as we print it, and its options', async () => {
  const code = `export const openStore = (url, options) => ({ url: JSON.stringify({ url, options }), ${methods} })`
  const storeOptions = { region: 'north', nested: { a: 1 } }
  const store = await open(code, { storeOptions }, 'mine://host:7/a b//50%25/c/')
  expect(JSON.parse(store.url)).toEqual({ url: 'mine://host:7/a%20b/50%25/c', options: storeOptions })
  expect(JSON.parse((await open(code, {}, 'other:///a')).url)).toEqual({ url: 'other:///a', options: {} })
})

test('a module may open its store asynchronously', async () => {
  const store = await open(`export const openStore = async (url) => ({ url, ${methods} })`)
  expect(store.url).toBe('mine://place')
})

test('the store of a module gets our retries, time-outs and metrics', async () => {
  const code = `
    let attempts = 0
    export const openStore = (url) => ({
      url,
      ${methods},
      async head() {
        if (++attempts < 3) throw new Error('away')
        return { size: 1, etag: 'e', lastModified: new Date(), metadata: {} }
      },
      get: () => new Promise(() => {}),
    })`
  const metrics = new StoreMetrics()
  const clock = new ImpatientClock()
  const seams = { clock, random: () => 0.5, onRequest: metrics.record }
  const store = await open(code, { ...seams, requestTimeoutMs: 2_000 })
  expect(await store.head('key')).toMatchObject({ etag: 'e' })
  expect(clock.waits.filter((ms) => ms < 1_000)).toEqual([50, 100])
  await expect(store.get('key')).rejects.toThrow('the store did not answer in time (not done within 2 s)')
  expect(metrics.snapshot()).toMatchObject({
    head: { requests: 3, errors: 2 },
    get: { requests: 5, errors: 5 },
  })
})

test('an error of a store names the call and the object, whatever the store says', async () => {
  const code = `
    import { EnvError } from ${JSON.stringify(import.meta.resolve('#src/env/env-error.js'))}
    export const openStore = (url) => ({
      url,
      ${methods},
      async get() { throw new EnvError('NoSpace', 'quota exceeded') },
      async head() { throw new EnvError('NotFound', 'mine://place/key is not there') },
    })`
  const store = await open(code)
  await expect(store.get('key')).rejects.toMatchObject({
    code: 'NoSpace',
    message: 'get mine://place/key: quota exceeded',
  })
  await expect(store.head('key')).rejects.toMatchObject({
    code: 'NotFound',
    message: 'mine://place/key is not there',
  })
})

test.each(['opened', 'closed'])('a store that is never %s is given up in time', async (what) => {
  const never = '() => new Promise(() => {})'
  const code =
    what === 'opened'
      ? `export const openStore = ${never}`
      : `export const openStore = (url) => ({ url, ${methods}, close: ${never} })`
  const use = async () => (await open(code, { clock: new ImpatientClock(), requestTimeoutMs: 5_000 })).close()
  await expect(use()).rejects.toMatchObject({
    name: 'EnvError',
    message: expect.stringMatching(
      /("openStore" of .* failed|can't close mine:\/\/place): not done within 5 s/,
    ),
  })
})

test('a process that waits for a store stays alive until the time is up', async () => {
  const module = moduleOf('export const openStore = () => new Promise(() => {})')
  const child = runChild(
    `const { openStore } = await load('store/open-store.js')
     await openStore('mine://place', { storeModule: args[0], requestTimeoutMs: 100 })
       .catch(({ code }) => console.log(code))`,
    [module],
  )
  expect((await child.lines.next()).value).toBe('TimedOut')
})

describe('a faulty module fails with an EnvError that says so:', () => {
  test.each<[what: string, code: string, expected: string, message: RegExp]>([
    [
      'no such export',
      'export const open = 1',
      'InvalidArgument',
      /to export a function "openStore", got undefined/,
    ],
    [
      'no function',
      'export const openStore = 1',
      'InvalidArgument',
      /to export a function "openStore", got number/,
    ],
    [
      'no code',
      'export const a = 1\nexport function (',
      'InvalidArgument',
      /"storeModule" cannot be loaded: .*\.mjs: .* \("node --check .*\.mjs" shows where\)$/,
    ],
    [
      'it fails when loaded',
      'throw new Error("no licence")',
      'InvalidArgument',
      /cannot be loaded: .*\.mjs: no licence/,
    ],
    [
      'it throws',
      'export const openStore = () => { throw new Error("no luck") }',
      'IOError',
      /failed: no luck/,
    ],
    [
      'it rejects',
      'export const openStore = async () => { throw 7 }',
      'IOError',
      /"openStore" of .* failed: 7/,
    ],
    [
      'no store',
      'export const openStore = () => {}',
      'InvalidArgument',
      /to return an ObjectStore, got undefined/,
    ],
    [
      'a store that lacks methods',
      'export const openStore = (url) => ({ url, get() {}, head() {}, put: 5, list() {}, close() {} })',
      'InvalidArgument',
      /to return an ObjectStore, got one without put, deleteMany, copy$/,
    ],
    [
      'a store without a name',
      `export const openStore = () => ({ ${methods} })`,
      'InvalidArgument',
      /got one without a text as "url"/,
    ],
  ])('%s', async (_, code, expected, message) => {
    const error = await open(code).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(EnvError)
    expect(error).toMatchObject({ code: expected, message: expect.stringMatching(message), retryable: false })
  })

  test('no such module', async () => {
    const opening = openStore('mine://place', { storeModule: '/no/such/module.js' })
    await expect(opening).rejects.toMatchObject({
      name: 'EnvError',
      code: 'InvalidArgument',
      message: expect.stringMatching(
        /^"storeModule" cannot be loaded: \/no\/such\/module\.js: Cannot find module '[^']*'$/,
      ),
    })
  })

  test('an EnvError that it throws itself passes unchanged', async () => {
    const code = `
      import { EnvError } from ${JSON.stringify(import.meta.resolve('#src/env/env-error.js'))}
      export function openStore() { throw new EnvError('TimedOut', 'the vault is away', { retryable: true }) }`
    await expect(open(code)).rejects.toMatchObject({ code: 'TimedOut', message: 'the vault is away' })
  })
})

test.each<[options: object, message: RegExp]>([
  [
    { storeModule: './mine.js' },
    /"storeModule" to be an absolute path, a URL or a package name, got ".\/mine.js"/,
  ],
  [{ storeModule: 5 }, /"storeModule" to be an absolute path, .*got 5/],
  [{ storeModule: '/mine.js', storeOptions: 'a=b' }, /"storeOptions" to be an object, got "a=b"/],
])('invalid options of a module are refused: %j', async (options, message) => {
  await expect(openStore('mine://place', options)).rejects.toThrow(TypeError)
  await expect(openStore('mine://place', options)).rejects.toThrow(message)
})
