// Connections to a store: TLS, proxies, and the environment variables for both.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { S3Store, type S3StoreOptions } from '#src/store/s3-store.js'
import { TestAuthority } from '../support/certificates.js'
import { ConnectProxy } from '../support/connect-proxy.js'
import { SettableStore } from '../support/settable-store.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { bytes, text } from './contract.js'

let authority: TestAuthority
let proxy: ConnectProxy
const servers: { stop(): Promise<void> }[] = []
const stores: S3Store[] = []
beforeAll(async () => {
  authority = new TestAuthority()
  proxy = await ConnectProxy.start()
})
afterAll(() => proxy.stop())
beforeEach(() => {
  proxy.targets.length = 0
  proxy.refusal = undefined
  const variables = ['AWS_CA_BUNDLE', 'HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy', 'AWS_REGION']
  for (const name of [...variables, 'AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_S3']) vi.stubEnv(name, undefined)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const store of stores.splice(0)) store.close()
  for (const server of servers.splice(0)) await server.stop()
})

async function start(name?: string, days?: number): Promise<SettableStore> {
  const server = await SettableStore.start({}, name === undefined ? undefined : authority.certify(name, days))
  servers.push(server)
  return server
}

function open(options: Partial<S3StoreOptions>): S3Store {
  const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' }
  const store = new S3Store({ bucket: 'bucket', credentials, ...options })
  stores.push(store)
  return store
}

const failureOf = (endpoint: string): Promise<Error> =>
  open({ endpoint })
    .get('key')
    .then(
      () => expect.fail('it succeeded'),
      (error) => error,
    )

describe('a server with an invalid certificate', () => {
  test.each([
    ['is of an unknown authority', 'localhost', 2, /not trusted here .*AWS_CA_BUNDLE.*NODE_EXTRA_CA_CERTS/],
    ['is for another name', 'store.example', 2, /is for another name .*store\.example.*"endpoint"/],
    ['has expired', 'localhost', -1, /does not hold at this time .*expired.*Renew it/],
  ])('because it %s, is reported at once, with the remedy', async (_title, name, days, message) => {
    if (name !== 'localhost' || days < 0) vi.stubEnv('AWS_CA_BUNDLE', authority.file)
    const server = await start(name, days)
    const error = await failureOf(server.endpoint)
    expect(error).toMatchObject({ code: 'IOError', retryable: false })
    expect(error.message).toMatch(message)
  })

  test('is trusted with its authority in AWS_CA_BUNDLE', async () => {
    vi.stubEnv('AWS_CA_BUNDLE', authority.file)
    const store = open({ endpoint: (await start('localhost')).endpoint })
    await store.put('key', bytes('content'))
    expect(text((await store.get('key')).body)).toBe('content')
  })

  test.each([
    ['is missing', undefined, /AWS_CA_BUNDLE: cannot read certificates .*ENOENT/],
    [
      'is not a certificate',
      '-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n',
      /AWS_CA_BUNDLE: cannot read certificates in PEM from/,
    ],
  ])('cannot be trusted with an AWS_CA_BUNDLE that %s', (_title, content, message) => {
    const file = join(temporaryDirectory('cloudenv-bundle'), 'bundle.pem')
    if (content !== undefined) writeFileSync(file, content)
    vi.stubEnv('AWS_CA_BUNDLE', file)
    expect(() => open({ endpoint: 'https://localhost:1' })).toThrow(message)
    open({ endpoint: 'http://localhost:1' })
  })
})

describe('a wrong protocol is reported, with the right one:', () => {
  test('http to a server that speaks TLS and hangs up', async () => {
    const { endpoint } = await start('localhost')
    const error = await failureOf(endpoint.replace('https:', 'http:'))
    expect(error.message).toMatch(
      /the connection broke before any answer .*If the server speaks TLS, write https:/,
    )
  })

  test.each([
    ['an alert', Buffer.from([0x15, 3, 1, 0, 2, 2, 70])],
    [
      'a bare 400, as Go does',
      Buffer.from('HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n'),
    ],
    [
      'a page, as nginx does',
      Buffer.from('HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>'),
    ],
  ])('http to a server that speaks TLS and answers %s', async (_title, answer) => {
    const endpoint = await startRaw(answer)
    const error = await failureOf(`http://${endpoint}`)
    expect(error).toMatchObject({ code: 'IOError', retryable: false })
    expect(error.message).toMatch(/the server expects TLS .*Write https:\/\/ instead of http:\/\//)
  })

  test('https to a server that speaks http', async () => {
    const { endpoint } = await start()
    const error = await failureOf(endpoint.replace('http:', 'https:'))
    expect(error).toMatchObject({ code: 'IOError', retryable: false })
    expect(error.message).toMatch(/speaks no TLS \(wrong version number\)\. Write http:\/\/ instead/)
  })

  test('https to a server that hangs up', async () => {
    const error = await failureOf(`https://${await startRaw(undefined)}`)
    expect(error.message).toMatch(
      /the connection broke before any answer .*If the server speaks no TLS, write http:/,
    )
  })

  test('http to a server that speaks neither', async () => {
    const error = await failureOf(`http://${await startRaw(Buffer.from('-ERR unknown command\r\n'))}`)
    expect(error).toMatchObject({ code: 'IOError', retryable: false })
    expect(error.message).toMatch(/the server speaks no HTTP/)
  })
})

test('a connection that breaks after an answer does not count as a wrong protocol', async () => {
  const server = await start()
  const store = open({ endpoint: server.endpoint })
  await store.put('key', bytes('content'))
  server.manners = {
    answer(_call, response) {
      response.destroy()
      return 'answered'
    },
  }
  const error = await store.get('key').catch((error) => error)
  expect(error).toMatchObject({ code: 'IOError', retryable: true })
  expect(error.message).toMatch(/: the connection broke \(socket hang up\)$/)
})

describe('HTTPS_PROXY', () => {
  /** A name that only the proxy resolves. */
  const behindProxy = (server: SettableStore) => server.endpoint.replace('localhost', 'store.test')
  beforeEach(() => vi.stubEnv('AWS_CA_BUNDLE', authority.file))

  test.each(['HTTPS_PROXY', 'https_proxy'])('as %s is used to reach the store', async (variable) => {
    vi.stubEnv(variable, proxy.url)
    const server = await start('store.test')
    const store = open({ endpoint: behindProxy(server) })
    await store.put('key', bytes('content'))
    expect(text((await store.get('key')).body)).toBe('content')
    expect(new Set(proxy.targets)).toEqual(new Set([new URL(behindProxy(server)).host]))
  })

  test.each(['test', '.test', 'other, store.test', '*'])('is not used if NO_PROXY is %j', async (exempt) => {
    vi.stubEnv('HTTPS_PROXY', proxy.url)
    vi.stubEnv('NO_PROXY', exempt)
    const error = await failureOf(behindProxy(await start('store.test')))
    expect(error.message).toMatch(/cannot be reached .*store\.test/)
    expect(proxy.targets).toEqual([])
  })

  test('is not used for this machine, nor for http', async () => {
    vi.stubEnv('HTTPS_PROXY', proxy.url)
    for (const server of [await start('localhost'), await start()]) {
      await open({ endpoint: server.endpoint }).put('key', bytes('content'))
    }
    expect(proxy.targets).toEqual([])
  })

  test('that refuses is reported, without its password', async () => {
    vi.stubEnv('HTTPS_PROXY', proxy.url)
    proxy.refusal = 407
    const error = await failureOf(behindProxy(await start('store.test')))
    expect(error.message).toMatch(/the proxy does not connect to the store .*407.*HTTPS_PROXY.*NO_PROXY/)
    expect(String(error.stack)).not.toContain('password')
  })

  test('that is not a URL is refused', () => {
    vi.stubEnv('HTTPS_PROXY', 'http://user:password@')
    expect(() => open({ endpoint: 'https://store.test' })).toThrow(
      /^the environment variable HTTPS_PROXY: expected a URL such as http:\/\/proxy:3128$/,
    )
  })
})

describe.each(['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'])('%s', (variable) => {
  test('names the server, which is addressed by path', async () => {
    const server = await start()
    vi.stubEnv(variable, server.endpoint)
    await open({}).put('key', bytes('content'))
    expect([...server.objects.keys()]).toEqual(['bucket/key'])
  })

  test('that is not a URL is refused', () => {
    vi.stubEnv(variable, 'minio:9000')
    expect(() => open({})).toThrow(`expected the environment variable ${variable} to be a URL`)
  })

  test('is overridden by the option', async () => {
    const server = await start()
    vi.stubEnv(variable, 'http://127.0.0.1:1')
    await open({ endpoint: server.endpoint }).put('key', bytes('content'))
  })
})

/** A server that answers everything with these bytes, or with nothing, and hangs up. */
async function startRaw(answer: Buffer | undefined): Promise<string> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => (answer ? socket.end(answer) : socket.destroy()))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  servers.push({
    stop: async () => {
      server.close()
      await once(server, 'close')
    },
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}
