// Endless or huge answers end in an error before they use up the memory of the process.
import type { ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeCloudManifest } from '#src/format/cloud-manifest.js'
import { parseEpoch } from '#src/format/epoch.js'
import { encodeLog } from '#src/format/log-record.js'
import { runChild } from '../support/child.js'
import { newRoot } from '../support/machine.js'
import { type Answer, type Call, SettableStore, xml } from '../support/settable-store.js'
import { bytes, field } from '../support/version-edits.js'

const GiB = 2 ** 30
const epoch = parseEpoch('0123456789abcdef')!
const objects: Readonly<Record<string, Uint8Array>> = {
  CLOUDMANIFEST: encodeCloudManifest({ past: [], current: epoch }),
  [`MANIFEST-${epoch}`]: encodeLog([
    bytes(
      field.comparator('leveldb.BytewiseComparator'),
      field.logNumber(0),
      field.nextFileNumber(9),
      field.lastSequence(9),
    ),
  ]),
}

let server: SettableStore
beforeAll(async () => {
  server = await SettableStore.start()
})
afterAll(() => server.stop())

type Answering = (call: Call, name: string, response: ServerResponse) => Answer | 'answered' | undefined

const cases: [string, Answering, { readonly code: string; readonly message: RegExp }][] = [
  [
    'a listing of tables without end',
    (call) => listing(call, (number) => `${number}.sst-${epoch}`),
    { code: 'NotSupported', message: /more than 80000 objects.*cloudenv gc/s },
  ],
  [
    'a listing of anything without end',
    (call) => listing(call, (number) => `${'junk '.repeat(150)}${number}`),
    { code: 'NotSupported', message: /more than 80000 objects/ },
  ],
  [
    'a listing with one token for ever',
    (call) => listing(call, (number) => `${number}.sst-${epoch}`, 'token'),
    { code: 'NotSupported', message: /no listing of S3/ },
  ],
  [
    'a CLOUDMANIFEST of 4 GiB',
    (call, name) => (name === 'CLOUDMANIFEST' ? rangeOf(call, 4 * GiB) : undefined),
    { code: 'Corruption', message: /CLOUDMANIFEST is corrupt: it has 4294967296 bytes/ },
  ],
  [
    'a MANIFEST of 4 GiB',
    (call, name) => (name.startsWith('MANIFEST-') ? rangeOf(call, 4 * GiB) : undefined),
    { code: 'Corruption', message: /MANIFEST-\w+ is corrupt: it has 4294967296 bytes, more than 268435456/ },
  ],
  [
    'a CLOUDMANIFEST without end',
    (_call, name, response) => {
      if (name !== 'CLOUDMANIFEST') return undefined
      response.writeHead(200, { etag: '"1"' })
      const piece = Buffer.alloc(1 << 16)
      const more = () => {
        while (!response.destroyed && response.write(piece)) {}
      }
      response.on('drain', more)
      more()
      return 'answered'
    },
    { code: 'IOError', message: /longer than can be/ },
  ],
  [
    'an error text of 8 MiB',
    (_call, name) =>
      name.startsWith('MANIFEST-')
        ? {
            status: 403,
            body: `<Error><Code>AccessDenied</Code><Message>${'x'.repeat(8 << 20)}</Message></Error>`,
          }
        : undefined,
    { code: 'IOError', message: /^.{1,2500}$/s },
  ],
]

describe.each(['newSequentialFile CURRENT', 'lockFile LOCK'])(
  'an opening (%s) fails within 100 MB',
  (call) => {
    test.each(cases)('of %s', async (_title, answering, { code, message }) => {
      server.manners = {
        answer(request, response) {
          if (!request.key.startsWith('p/db/') && !request.query.get('prefix')?.startsWith('p/db/'))
            return undefined
          const name = request.key.slice('p/db/'.length)
          return answering(request, name, response) ?? soundAnswer(name)
        },
      }
      const child = runChild(openOnce, [server.endpoint, newRoot(), ...call.split(' ')], {
        nodeOptions: smallNursery,
      })
      const { value } = await child.lines.next()
      const outcome = JSON.parse(value)
      expect(outcome).toMatchObject({ code, message: expect.stringMatching(message) })
      expect(outcome.growthMb).toBeLessThan(100)
      expect(outcome.others, 'another database on the Env').toBe('NotFound')
      expect(await child.ended).toBe(0)
    })
  },
)

/** V8 grows its young generation to 48 MB on a busy machine, however little is kept. */
const smallNursery = ['--max-semi-space-size=2']

const openOnce = `
const { createCloudEnv } = await load('cloud/cloud-env.js')
const [endpoint, root, call, name] = args
const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' }
const env = await createCloudEnv({ store: 's3://bucket/p', root, endpoint, credentials })
const failureOf = (action) => action.then(() => ({}), (error) => error)
// Everything is loaded from here on.
await failureOf(env.newSequentialFile(root + '/other/CURRENT'))
const before = process.resourceUsage().maxRSS
const { code, message } = await failureOf(env[call](root + '/db/' + name))
const growthMb = (process.resourceUsage().maxRSS - before) / 1024
const others = (await failureOf(env.newSequentialFile(root + '/other/CURRENT'))).code
console.log(JSON.stringify({ code, message, growthMb, others }))
await env.close()
`

function soundAnswer(name: string): Answer | undefined {
  const body = objects[name]
  if (!body) return undefined
  const range = `bytes 0-${body.length - 1}/${body.length}`
  return { status: 206, headers: { ...about, 'content-length': body.length, 'content-range': range }, body }
}

/** The requested range of an object of that size. */
function rangeOf({ headers }: Call, size: number): Answer {
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '')!
  const length = Number(to) - Number(from) + 1
  const range = `bytes ${from}-${to}/${size}`
  return {
    status: 206,
    headers: { ...about, 'content-length': length, 'content-range': range },
    body: Buffer.alloc(length),
  }
}

const about = { etag: '"1"', 'last-modified': new Date(0).toUTCString() }

/** A page of 1,000 entries; there is always another one. */
function listing({ query }: Call, name: (number: number) => string, token?: string): Answer | undefined {
  if (!query.has('list-type')) return undefined
  const continued = query.get('continuation-token')
  const after = continued === null ? /\d{7}/.exec(query.get('start-after') ?? '') : null
  const first = after ? Number(after[0]) + 1 : 1_000_000 + Number(continued ?? 0)
  const start = Number.isNaN(first) ? 1_001_000 : first
  const entries = Array.from({ length: 1000 }, (_, at) => name(start + at)).map(
    (entry) =>
      `<Contents><Key>p/db/${entry}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"d41d8cd98f00b204e9800998ecf8427e"</ETag><Size>1</Size></Contents>`,
  )
  return xml(
    '<ListBucketResult><Name>bucket</Name><IsTruncated>true</IsTruncated>',
    `<NextContinuationToken>${token ?? start + 1000 - 1_000_000}</NextContinuationToken>`,
    ...entries,
    '</ListBucketResult>',
  )
}
