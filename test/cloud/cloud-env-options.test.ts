import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseCloudEnvOptions } from '#src/cloud/cloud-env-options.js'

const base = { store: 's3://bucket/prod', root: '/nowhere' }
const parse = (options: object) => parseCloudEnvOptions({ ...base, ...options })

describe('an invalid encryption is refused: writes would not be encrypted', () => {
  const key = new Uint8Array(32)
  test.each<[encryption: unknown, message: RegExp]>([
    ['AES256', /^expected "encryption" to be an object such as \{ type: 'sse-s3' \}, got a string$/],
    [true, /"encryption" to be an object .*got true/],
    [null, /"encryption" to be an object .*got null/],
    [[], /"encryption" to be an object .*got an array/],
    [new Map([['type', 'sse-s3']]), /"encryption" to be an object/],
    [{}, /"encryption\.type" to be "sse-s3", "sse-kms" or "sse-c", got undefined/],
    [{ type: 'AES256' }, /"encryption\.type" to be .*got "AES256"/],
    [{ type: 'toString' }, /"encryption\.type" to be/],
    [
      { type: 'sse-kms', kmsKey: 'k' },
      /unknown option "encryption\.kmsKey" of cloudEnv; it takes type, keyId/,
    ],
    [{ type: 'sse-kms', keyID: 'k' }, /"encryption\.keyID" of cloudEnv, did you mean "encryption\.keyId"/],
    [{ type: 'sse-kms', keyId: '' }, /"encryption\.keyId" to be a non-empty string/],
    [{ type: 'sse-s3', keyId: 'k' }, /"encryption\.keyId" of cloudEnv; it takes type$/],
    [{ type: 'sse-c' }, /"encryption\.key" to be a Uint8Array of 32 bytes/],
    [{ type: 'sse-c', key: key.subarray(1) }, /of 32 bytes, got 31 bytes/],
  ])('%j', (encryption, message) => {
    expect(() => parse({ encryption })).toThrow(message)
  })

  test.each([
    { type: 'sse-s3' },
    { type: 'sse-kms' },
    { type: 'sse-kms', keyId: 'k' },
    { type: 'sse-c', key },
  ])('%j is encryption', (encryption) =>
    expect(parse({ encryption }).connection.encryption).toEqual(encryption),
  )
})

test.each<[options: object, message: RegExp]>([
  [{ region: 5 }, /"region" to be a non-empty string, got 5/],
  [{ forcePathStyle: 'yes' }, /"forcePathStyle" to be true or false, got "yes"/],
  [{ connectTimeoutMs: 'x' }, /"connectTimeoutMs" to be a number of milliseconds .*got "x"/],
  [{ idleTimeoutMs: Number.NaN }, /"idleTimeoutMs" .*got NaN/],
  [{ ownershipCheckMs: 1e12 }, /"ownershipCheckMs" .*24 days/],
  [{ deletionDelayMs: -1 }, /"deletionDelayMs" .*got -1/],
  [{ retentionDays: -1 }, /"retentionDays" to be a number of days from 0 to 36500, got -1/],
  [{ retentionDays: '30' }, /"retentionDays" .*got "30"/],
  [{ retentionDays: Number.POSITIVE_INFINITY }, /"retentionDays" /],
  [{ cache: { maxBytes: Number.NaN } }, /"cache\.maxBytes" .*got NaN/],
  [{ cache: { chunkBytes: 5000 } }, /"cache\.chunkBytes" .*a power of two from 4 KiB to 4 MiB, got 5000/],
  [{ cache: { chunkBytes: '8 MiB' } }, /"cache\.chunkBytes" .*a power of two/],
  [
    { cache: { pin: 'L2-L0' } },
    /"cache\.pin" to be a level such as "L0", or levels such as "L0-L2", got "L2-L0"/,
  ],
  [{ cache: { pin: '0-2' } }, /"cache\.pin" to be a level/],
  [{ cache: { pin: 'L0-L256' } }, /"cache\.pin" to be a level/],
  [{ cache: { pin: '' } }, /"cache\.pin" to be a level/],
  [{ cache: { pin: ['L0'] } }, /"cache\.pin" .*got an array/],
  [{ cache: { maxbytes: 1 } }, /"cache\.maxbytes" of cloudEnv, did you mean "cache\.maxBytes"/],
  [{ cache: 5 }, /"cache" to be an object .*got 5/],
  [{ cookie: '../x' }, /"cookie" to be letters/],
  [{ source: 'x' }, /the URL of a store/],
  [{ regoin: 'x' }, /"regoin" of cloudEnv, did you mean "region"/],
  [{ store: 'file:///x', encryption: { type: 'sse-s3' } }, /"encryption" with a store in S3 only/],
  [{ store: 'file:///x', region: 'eu-west-1' }, /"region" with a store in S3 only/],
  [{ store: 'mine://x' }, /no module was named that opens it: .*"storeModule"/],
  [{ source: 'mine://x' }, /no module was named that opens it: .*"storeModule"/],
  [{ storeModule: '/mine.js' }, /"storeModule" with a store of a scheme of your own only, got it with "s3:/],
  [{ store: 'mine://x', storeModule: './mine.js' }, /"storeModule" to be an absolute path/],
  [{ store: 'mine://x', storeModule: '/mine.js', region: 'x' }, /"region" with a store in S3 only/],
  [{ store: 'mine://x', storeModul: '/mine.js' }, /"storeModul" of cloudEnv, did you mean "storeModule"/],
])('%j is refused', (options, message) => {
  expect(() => parse(options)).toThrow(TypeError)
  expect(() => parse(options)).toThrow(message)
})

test.each([
  ['L0', { first: 0, last: 0 }],
  ['L1-L1', { first: 1, last: 1 }],
  ['L0-L2', { first: 0, last: 2 }],
])('"cache.pin" of %j names levels', (pin, levels) => {
  expect(parse({ cache: { pin } }).cachePin).toEqual(levels)
})

test.each<[credentials: unknown]>([
  ['AKIASECRET:SECRET'],
  [['SECRET']],
  [{ accessKeyId: 'SECRET' }],
  [{ accessKeyId: 'SECRET', secretAccessKey: ['SECRET'] }],
  [{ accessKeyId: 'SECRET', secretAccessKey: '' }],
  [{ accessKeyId: 'SECRET', secretAccessKey: 'SECRET', sessionToken: { SECRET: 1 } }],
  [{ accessKeyId: 'SECRET', secretAcessKey: 'SECRET' }],
  [{ accessKeyId: 'SECRET', secretAccessKey: 'SECRET', expiration: 'SECRET' }],
  [{ module: 5, export: 'readKey' }],
  [{ module: '/vault.js' }],
  [{ module: '/vault.js', export: 'readKey', secretAccessKey: 'SECRET' }],
])('credentials of a wrong shape are refused, and not shown', (credentials) => {
  const message = (() => {
    try {
      parse({ credentials })
    } catch (error) {
      return (error as Error).message
    }
    return 'accepted'
  })()
  expect(message).toMatch(/"credentials/)
  expect(message).not.toContain('SECRET')
})

test('an obsolete object stays for the longer of the deletion delay and the retention', () => {
  const hour = 3_600_000
  expect(parse({}).deletionDelayMs).toBe(hour)
  expect(parse({ retentionDays: 0.5 }).deletionDelayMs).toBe(12 * hour)
  expect(parse({ retentionDays: 30, deletionDelayMs: 0 }).deletionDelayMs).toBe(720 * hour)
  expect(parse({ retentionDays: 1, deletionDelayMs: 48 * hour }).deletionDelayMs).toBe(48 * hour)
})

test('options of S3 and of a module may be combined if the store takes one and the source the other', () => {
  const options = { store: 'mine://x', storeModule: '/mine.js', storeOptions: { a: 1 }, region: 'eu-west-1' }
  expect(parse({ ...options, source: 's3://bucket/db' }).connection).toEqual({
    storeModule: '/mine.js',
    storeOptions: { a: 1 },
    region: 'eu-west-1',
  })
})

test('a source has the options of its own store, or those of the store', () => {
  const source = { url: 's3://theirs/db', region: 'eu-west-1' }
  expect(parse({ store: 's3://ours', region: 'us-east-1', source })).toMatchObject({
    source: { url: 's3://theirs/db', connection: { region: 'eu-west-1' } },
    connection: { region: 'us-east-1' },
  })
  expect(parse({ source: { url: 's3://theirs/db' } }).source?.connection).toBeUndefined()
  expect(() => parse({ source: { url: 'file:///theirs', region: 'eu-west-1' } })).toThrow(/"region"/)
})

test('a module that returns credentials is accepted', () => {
  const credentials = { module: '/vault.js', export: 'readKey', options: { role: 'orders' } }
  expect(parse({ credentials }).connection.credentials).toEqual(credentials)
})

test('credentials in the form of the SDK are accepted', () => {
  const credentials = {
    accessKeyId: 'a',
    secretAccessKey: 'b',
    expiration: new Date(0),
    $source: { CREDENTIALS_CODE: 'e' },
    accountId: '1',
  }
  expect(parse({ credentials }).connection.credentials).toEqual(credentials)
})

/** Valid values of an option: everything else must be refused. */
const suits: Readonly<Record<string, (value: unknown) => boolean>> = {
  cache: (value) =>
    isPlain(value) &&
    Object.entries(value).every(
      ([name, size]) => name === 'maxBytes' && (size === undefined || isSize(size)),
    ),
  cookie: (value) => typeof value === 'string' && /^[\w.-]*$/.test(value),
  newCookie: (value) => typeof value === 'string' && /^[\w.-]*$/.test(value),
  deletionDelayMs: (value) => Number.isFinite(value) && (value as number) >= 0,
  retentionDays: (value) => typeof value === 'number' && value >= 0 && value <= 36_500,
  ownershipCheckMs: isTime,
  collectionIntervalMs: isTime,
  region: isText,
  endpoint: () => false,
  forcePathStyle: (value) => typeof value === 'boolean',
  credentials: () => false,
  profile: isText,
  connectTimeoutMs: isTime,
  idleTimeoutMs: isTime,
  encryption: () => false,
  source: () => false,
}

test('any value of an option is refused with its name, or accepted as it is', () => {
  const anything = fc.oneof(
    fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withTypedArray: true,
      withNullPrototype: true,
    }),
    fc.integer(),
    fc.string(),
  )
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(suits)), anything, (name, value) => {
      const isFine = value === undefined || suits[name]!(value)
      try {
        parse({ [name]: value })
      } catch (error) {
        expect(isFine, String(error)).toBe(false)
        expect(error).toBeInstanceOf(TypeError)
        const names = name === 'source' ? /URL of a store|"source[".]/ : new RegExp(`"${name}[".]`)
        expect((error as Error).message).toMatch(names)
        return
      }
      expect(isFine, `${name} was accepted`).toBe(true)
    }),
    { numRuns: 2000 },
  )
})

function isPlain(value: unknown): value is object {
  return Object.prototype.toString.call(value) === '[object Object]'
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}

function isTime(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value < 2 ** 31
}

function isSize(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
