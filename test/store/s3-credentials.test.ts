// Credentials that change while a store is open.
import { mkdtempSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { S3Store, type S3StoreOptions } from '#src/store/s3-store.js'
import { failure, SettableStore } from '../support/settable-store.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { bytes } from './contract.js'

let server: SettableStore
let directory: string
const stores: S3Store[] = []
beforeEach(async () => {
  server = await SettableStore.start()
  directory = temporaryDirectory('cloudenv-credentials')
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_PROFILE'])
    vi.stubEnv(name, undefined)
  vi.stubEnv('AWS_CONFIG_FILE', '/dev/null')
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(directory, 'credentials'))
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
})
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const store of stores.splice(0)) store.close()
  await server.stop()
})

function open(options: Partial<S3StoreOptions> = {}): S3Store {
  const store = new S3Store({ bucket: 'bucket', endpoint: server.endpoint, ...options })
  stores.push(store)
  return store
}

function writeKey(accessKeyId: string, profile = 'default'): void {
  const lines = [
    `[${profile}]`,
    `aws_access_key_id = ${accessKeyId}`,
    'aws_secret_access_key = secret',
    `aws_session_token = token-of-${accessKeyId}`,
  ]
  writeFileSync(join(directory, 'credentials'), `${lines.join('\n')}\n`)
}

/** From now on the server accepts this key only. */
function admit(accessKeyId: string, denial = { status: 400, code: 'ExpiredToken' }): void {
  server.manners = { accessKeys: [accessKeyId], denial }
}

const usedKeys = () => [...new Set(server.calls.map(({ accessKey }) => accessKey))]

describe('a shared credentials file that is replaced', () => {
  test.each([
    { status: 400, code: 'ExpiredToken' },
    { status: 403, code: 'InvalidAccessKeyId' },
    { status: 400, code: 'InvalidToken' },
    { status: 403, code: 'AccessDenied' },
    { status: 401, code: 'Unauthorized' },
  ])('is read again when the store answers $status $code', async (denial) => {
    writeKey('OLD')
    admit('OLD')
    const store = open()
    await store.put('key', bytes('1'))

    writeKey('NEW')
    admit('NEW', denial)
    await store.put('key', bytes('2'))
    expect(usedKeys()).toEqual(['OLD', 'NEW'])
  })

  test.each([
    { status: 400, code: 'ExpiredToken' },
    { status: 403, code: 'InvalidAccessKeyId' },
  ])('is read again when HEAD, which has no error code, is answered $status', async (denial) => {
    writeKey('OLD')
    const store = open()
    await store.put('key', bytes('1'))
    writeKey('NEW')
    admit('NEW', denial)
    expect(await store.head('key')).toMatchObject({ size: 1 })
  })

  test('is read again for a profile', async () => {
    writeKey('OLD', 'work')
    const store = open({ profile: 'work' })
    await store.put('key', bytes('1'))
    writeKey('NEW', 'work')
    admit('NEW')
    await store.put('key', bytes('2'))
    expect(usedKeys()).toEqual(['OLD', 'NEW'])
  })

  test('by something useless leaves the refusal of the store as the error', async () => {
    writeKey('OLD')
    const store = open()
    await store.put('key', bytes('1'))
    writeFileSync(join(directory, 'credentials'), '[default]\n')
    admit('NEW', { status: 403, code: 'InvalidAccessKeyId' })
    const error = await store.put('key', bytes('2')).catch((error) => error)
    expect(error).toMatchObject({ code: 'IOError', retryable: false })
    expect(error.message).toContain('InvalidAccessKeyId')
  })
})

test('many requests refused at once reread the credentials once', async () => {
  const calls = module(`let calls = 0
    export function read() { return { accessKeyId: 'KEY' + ++calls, secretAccessKey: 'secret' } }`)
  const store = open({ credentials: { module: calls, export: 'read' } })
  admit('KEY1')
  await store.put('key', bytes('1'))
  admit('KEY2')
  await Promise.all(Array.from({ length: 20 }, (_, index) => store.put(`key${index}`, bytes('2'))))
  expect(usedKeys()).toEqual(['KEY1', 'KEY2'])
})

test('GETs that are refused before and after the credentials are read again all go on with the new ones', async () => {
  const calls = module(`let calls = 0
    export function read() { return { accessKeyId: 'KEY' + ++calls, secretAccessKey: 'secret' } }`)
  const store = open({ credentials: { module: calls, export: 'read' } })
  await store.put('key', bytes('1'))
  await store.get('key')
  const held: ServerResponse[] = []
  const refuse = (response: ServerResponse) => {
    const { body, headers } = failure(403, 'InvalidAccessKeyId')
    response.writeHead(403, { ...headers, 'x-amz-request-id': '1' }).end(body)
  }
  server.manners = {
    answer({ accessKey }, response) {
      if (accessKey === 'KEY1') {
        held.push(response)
        if (held.length === 1) refuse(response)
        return 'answered'
      }
      for (const each of held.splice(1)) refuse(each)
      return undefined
    },
  }
  const gets = await Promise.all(Array.from({ length: 20 }, () => store.get('key')))
  expect(gets.map(({ body }) => Buffer.from(body).toString())).toEqual(gets.map(() => '1'))
  expect(usedKeys()).toEqual(['KEY1', 'KEY2'])
})

test('GETs take new credentials when the old ones are about to expire', async () => {
  const expiring = module(`let calls = 0
    export function read() {
      const soon = new Date(Date.now() + 302_000)
      return ++calls === 1
        ? { accessKeyId: 'KEY1', secretAccessKey: 'secret', sessionToken: 'token', expiration: soon }
        : { accessKeyId: 'KEY2', secretAccessKey: 'secret' }
    }`)
  const store = open({ credentials: { module: expiring, export: 'read' } })
  await store.put('key', bytes('1'))
  await store.get('key')
  const next = async () => {
    await store.get('key')
    const { accessKey, headers } = server.calls.at(-1)!
    return [accessKey, headers['x-amz-security-token']]
  }
  await expect.poll(next, { timeout: 20_000 }).toEqual(['KEY2', undefined])
})

test('a refused permission does not reread the credentials again and again', async () => {
  const calls = module(`let calls = 0
    export function read() { return { accessKeyId: 'KEY', secretAccessKey: 'secret', sessionToken: String(++calls) } }`)
  const store = open({ credentials: { module: calls, export: 'read' } })
  admit('OTHER', { status: 403, code: 'AccessDenied' })
  for (let i = 0; i < 10; i++) await expect(store.head('key')).rejects.toThrow(/access denied/)
  expect(new Set(server.calls.map(({ headers }) => headers['x-amz-security-token'])).size).toBe(2)
})

describe('a provider module', () => {
  test('is called with its options, before the credentials expire and when they are refused', async () => {
    const soon = module(`let calls = 0
      export async function read({ name }) {
        const expiration = ++calls === 1 ? new Date(Date.now() + 1000).toISOString() : undefined
        return { accessKeyId: name + calls, secretAccessKey: 'secret', expiration }
      }`)
    const store = open({ credentials: { module: soon, export: 'read', options: { name: 'KEY' } } })
    await store.put('key', bytes('1'))
    await store.put('key', bytes('2'))
    admit('KEY3')
    await store.put('key', bytes('3'))
    // KEY1 was about to expire.
    expect(usedKeys()).toEqual(['KEY2', 'KEY3'])
  })

  test.each([
    [
      'throws',
      'export function read() { throw new Error("the vault is sealed") }',
      /gives no credentials: the vault is sealed/,
    ],
    [
      'returns something else',
      'export function read() { return { accessKeyId: "SECRET" } }',
      /to return "accessKeyId" and "secretAccessKey" as strings$/,
    ],
    ['is not there', 'export const write = 1', /to export a function "read", got undefined/],
    ['cannot be loaded', 'export default (', /"credentials.module" cannot be loaded: /],
  ])('that %s is reported', async (_title, source, message) => {
    const store = open({ credentials: { module: module(source), export: 'read' } })
    const error = await store.head('key').catch((error) => error)
    expect(error.name).toBe('EnvError')
    expect(error.message).toMatch(message)
    expect(error.message).not.toContain('SECRET')
  })
})

/** The URL of a module of this source. */
function module(source: string): string {
  const path = join(mkdtempSync(join(directory, 'module-')), 'credentials.mjs')
  writeFileSync(path, source)
  return pathToFileURL(path).href
}
