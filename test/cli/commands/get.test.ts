import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { RocksDB } from '#src/index.js'
import { copyToBucket } from '../../support/bucket-copy.ts'
import { runCli } from '../../support/cli.ts'
import { type Fault, FaultProxy, s3ErrorBody } from '../../support/fault-proxy.ts'
import { fixtureSuite, haveFixtures, unpackFixture } from '../../support/fixtures.ts'
import { runGuarded, runTraceless, viewArguments } from '../../support/inspect-cli.ts'
import { putFixture, temporaryDirectory } from '../../support/open-bucket.ts'
import { mainTestStores, type TestStore } from '../../support/test-stores.ts'

const entries: readonly [key: string | Buffer, value: string | Buffer][] = [
  ['order/1', 'tea'],
  ['document', '{"id":12345678901234567890, "items":["\u202e", {}], "empty":[]}'],
  ['0x41', 'not the key A'],
  ['A', 'the key A'],
  [Buffer.from([0, 0xff]), Buffer.from([0x1b, 0x5b, 0x41, 0xff])],
  ['empty', ''],
]

async function makeDatabase(store: TestStore, at = 'db'): Promise<string> {
  const path = join(temporaryDirectory(), 'db')
  const db = await RocksDB.open(path)
  for (const [key, value] of entries) await db.put(key, value)
  const other = await db.createColumnFamily('other')
  await db.put('order/1', 'coffee', { columnFamily: other })
  await db.flush()
  await db.close()
  await copyToBucket(path, store, at)
  return store.url(at)
}

const minio = mainTestStores().find(({ name }) => name === 'minio')
const server = inject('servers').find(({ name }) => name === 'minio')
const answer = (status: number, code: string): Fault => ({ kind: 'answer', status, body: s3ErrorBody(code) })

describe.each(mainTestStores())('cloudenv get in $name', ({ make }) => {
  test('prints the value of a key, and changes neither bucket nor disk', async () => {
    const store = make()
    const url = await makeDatabase(store)
    const before = await store.list()
    const get = (...args: string[]) => runTraceless(store, ['get', url, ...args])
    const good = (stdout: string) => ({ code: 0, stdout, stderr: '' })
    expect(await get('order/1')).toEqual(good('tea\n'))
    expect(await get('order/1', '--column-family', 'other')).toEqual(good('coffee\n'))
    expect(await get('order/1', '--as', 'hex')).toEqual(good('0x746561\n'))
    expect(await get('empty')).toEqual(good('\n'))
    // A word that begins with 0x is hex, so such a key is given in hex.
    expect(await get('0x41')).toEqual(good('the key A\n'))
    expect(await get('0x30783431')).toEqual(good('not the key A\n'))
    expect(await get(String.raw`\x41`)).toEqual(good('the key A\n'))
    expect(await get(String.raw`\x00\xff`)).toEqual(good('\\x1b[A\\xff\n'))
    expect(await get('0x00FF')).toEqual(good('\\x1b[A\\xff\n'))
    expect(JSON.parse((await get('0x00ff', '--json')).stdout)).toEqual({
      columnFamily: 'default',
      key: { base64: 'AP8=', text: '\\x00\\xff' },
      value: { base64: 'G1tB/w==', text: '\\x1b[A\\xff' },
    })
    expect(await store.list()).toEqual(before)
  })
})

describe('cloudenv get', () => {
  const [directory] = mainTestStores()

  test('formats a JSON value without changing a digit', async () => {
    const store = directory!.make()
    const { stdout } = await runTraceless(store, [
      'get',
      await makeDatabase(store),
      'document',
      '--as',
      'json',
    ])
    expect(stdout).toBe(`{
  "id": 12345678901234567890,
  "items": [
    "\\u202e",
    {}
  ],
  "empty": []
}
`)
  })

  test('reports a missing key on standard error and with exit code 1', async () => {
    const store = directory!.make()
    const url = await makeDatabase(store)
    expect(await runTraceless(store, ['get', url, 'order/2'])).toEqual({
      code: 1,
      stdout: '',
      stderr: `cloudenv: there is no key order/2 in column family default of ${url}\n`,
    })
    const { code, stdout } = await runTraceless(store, ['get', url, 'order/2', '--json'])
    expect({ code, found: JSON.parse(stdout) }).toEqual({
      code: 1,
      found: { columnFamily: 'default', key: { base64: 'b3JkZXIvMg==', text: 'order/2' }, value: null },
    })
  })

  test('names a database so that it can be given back, whatever is in its name', async () => {
    const store = directory!.make()
    const url = await makeDatabase(store, 'my db')
    const given = url.replace(' ', '%20')
    for (const [command, ...options] of [
      ['get', 'order/2'],
      ['get', 'A', '--column-family', 'none'],
      ['scan', '--column-family', 'none'],
    ])
      expect((await runTraceless(store, [command!, url, ...options])).stderr).toContain(` ${given}`)
    const { stdout } = await runTraceless(store, ['manifest', url, '--json'])
    expect(JSON.parse(stdout).url).toBe(given)
  })

  test('says how to give a key that begins with a dash, and accepts it so', async () => {
    const store = directory!.make()
    const url = await makeDatabase(store)
    expect(await runTraceless(store, ['get', url, '-key'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/unknown option '-key'\n.*begins with a dash.* --\n$/),
    })
    expect(await runTraceless(store, ['get', url, '--', '-key'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is no key -key'),
    })
  })

  test('treats an unknown merge operator as wrong use', async () => {
    const store = directory!.make()
    const url = await makeDatabase(store)
    expect(await runTraceless(store, ['get', url, 'A', '--merge-operator', 'none'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^cloudenv: --merge-operator: .*"none"/),
    })
  })

  test.each([
    ['as it starts', 'setImmediate(die)'],
    [
      'as a table is read',
      `const files = require('node:fs/promises')
      const { open } = files
      files.open = (path, ...rest) => (/[.]sst-/.test(path) ? new Promise(die) : open(path, ...rest))
      require('node:module').syncBuiltinESMExports()`,
    ],
  ])('blames itself and not the store if its thread dies %s', async (_, fault) => {
    const store = directory!.make()
    const url = await makeDatabase(store)
    const faults = join(temporaryDirectory(), 'faults.cjs')
    const die = "const die = () => { process.nextTick(() => { throw new Error('no more') }) }"
    writeFileSync(faults, `${die}\nif (!require('node:worker_threads').isMainThread) { ${fault} }`)
    const { code, stderr } = await runCli(['get', url, 'A'], { NODE_OPTIONS: `--require ${faults}` })
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/host of the Env is gone.*no more/),
    })
  })

  test.each<[NodeJS.Signals, code: number, message: RegExp]>([
    [
      'SIGABRT',
      1,
      /^cloudenv: RocksDB crashed \(SIGABRT\) as it read URL\. .* cloudenv verify --deep URL tells.*\n$/,
    ],
    ['SIGKILL', 137, /^cloudenv: what read URL was killed \(SIGKILL\).*\n$/],
  ])('leaves nothing behind if its reading process ends by %s', async (signal, code, message) => {
    const store = directory!.make()
    const url = await makeDatabase(store, 'my db')
    const faults = join(temporaryDirectory(), 'faults.cjs')
    writeFileSync(
      faults,
      `const files = require('node:fs/promises')
      const { open } = files
      files.open = (path, ...rest) => {
        if (/[.]sst-/.test(path)) process.kill(process.pid, '${signal}')
        return open(path, ...rest)
      }
      require('node:module').syncBuiltinESMExports()`,
    )
    const result = await runGuarded(store, ['get', url, 'A'], { NODE_OPTIONS: `--require ${faults}` })
    // In the form in which it can be given back.
    const named = result.stderr.replaceAll(url.replace(' ', '%20'), 'URL')
    expect({ ...result, stderr: named }).toEqual({ code, stdout: '', stderr: expect.stringMatching(message) })
  })

  test.runIf(minio).each<[what: string, faulty: RegExp, fault: Fault, message: RegExp]>([
    [
      'a table, refused,',
      /\.sst-/,
      answer(403, 'AccessDenied'),
      /^cloudenv: cannot read from "s3:.*AccessDenied/,
    ],
    [
      'a table, from a server with a fault,',
      /\.sst-/,
      answer(500, 'InternalError'),
      /IO error: get s3:.*\.sst-c0ffee.*InternalError/,
    ],
    ['a table, over a connection that breaks,', /\.sst-/, { kind: 'drop' }, /: get s3:.*\.sst-c0ffee: /],
    [
      'the MANIFEST, from a server with a fault,',
      /MANIFEST-/,
      answer(500, 'InternalError'),
      /^cloudenv: get s3:.*MANIFEST-c0ffee.*InternalError/,
    ],
  ])('ends with exit code 3 if %s cannot be read', async (_, faulty, fault, message) => {
    const store = minio!.make()
    const url = await makeDatabase(store)
    const proxy = await FaultProxy.start(server!.endpoint)
    proxy.next('GET', fault, { path: faulty, times: 100 })
    const connection = { ...store.connection, endpoint: proxy.endpoint }
    const result = await runTraceless({ ...store, connection }, ['get', url, 'A'])
    await proxy.stop()
    expect(result).toEqual({ code: 3, stdout: '', stderr: expect.stringMatching(message) })
    expect(result.stderr).toMatch(/^[^\n]*\n$/)
  })

  test('says if there is no database, or if the URL is invalid', async () => {
    const store = directory!.make()
    expect(await runTraceless(store, ['get', store.url(), 'a'])).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^cloudenv: .* holds no database/),
    })
    expect(await runTraceless(store, ['get', 'http://bucket/db', 'a'])).toMatchObject({ code: 2 })
    expect(await runTraceless(store, ['get', store.url('db'), '0x4'])).toMatchObject({ code: 2 })
  })

  test.runIf(haveFixtures)(fixtureSuite('finds in the clone what lies at its source'), async () => {
    const fixture = unpackFixture('clone')
    const store = directory!.make()
    await putFixture(store, fixture)
    const clone = fixture.views.find(({ label }) => label === 'clone')!
    const [url, ...source] = viewArguments(store, clone)
    expect(await runTraceless(store, ['get', url!, 'key00000002', ...source])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^value00000002/),
    })
    for (const command of [
      ['get', url!, 'key00000002'],
      ['scan', url!],
    ]) {
      expect(await runTraceless(store, command)).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/\.sst-[0-9a-f]+ is missing in the store.*clone.*--source/),
      })
    }
  })
})
