import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isObjectKey } from '#src/store/object-key.js'
import { openStore, openStores } from '#src/store/open-store.js'
import { parseStoreUrl, printedUrl, urlPath } from '#src/store/store-url.js'

/** Any name that a key can contain, with special characters of URLs and shells more often. */
const segment = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom(...'%?#/ 25\'"\\$&;~\u{202e}\u{2028}\u{e000}ü'),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    ),
    maxLength: 10,
  })
  .filter((text) => !text.includes('/') && isObjectKey(text))

test.each([
  ['s3://bucket', 's3://bucket'],
  ['s3://bucket/', 's3://bucket'],
  ['s3://my.bucket-1/prod/orders', 's3://my.bucket-1/prod/orders'],
  ['s3://bucket//prod///orders/', 's3://bucket/prod/orders'],
  ['file:///some/dir', 'file:///some/dir'],
  ['file:///some/dir/', 'file:///some/dir'],
  ['file:///with%20space', 'file:///with%20space'],
  ['file:///with space', 'file:///with%20space'],
  ['s3://bucket/with space/%C3%BC', 's3://bucket/with%20space/ü'],
  ['s3://bucket/50%25/a%3Fb%23c', 's3://bucket/50%25/a%3Fb%23c'],
  ['file:///50%25/a%3fb%23c', 'file:///50%25/a%3Fb%23c'],
])('%s is opened', async (url, normalized) => {
  const store = await openStore(url)
  expect(store.url).toBe(normalized)
  await store.close()
})

describe('an option that none of the stores takes is refused:', () => {
  test.each<[url: string, options: object, message: RegExp]>([
    [
      's3://bucket',
      { regoin: 'x' },
      /unknown option "regoin" of openStore, did you mean "region"\? It takes region,/,
    ],
    ['s3://bucket', { region: 5 }, /"region" to be a non-empty string, got 5/],
    [
      's3://bucket',
      { storeModule: '/mine.js' },
      /"storeModule" with a store of a scheme of your own only, got it with "s3:/,
    ],
    ['s3://bucket', { storeOptions: {} }, /"storeOptions" with a store of a scheme of your own only/],
    ['file:///dir', { region: 'x' }, /"region" with a store in S3 only, got it with "file:\/\/\/dir"/],
    ['file:///dir', { encryption: { type: 'sse-s3' } }, /"encryption" with a store in S3 only/],
    ['file:///dir', { requestTimeoutMs: 1 }, /with a store in S3 or a store of a scheme of your own only/],
    [
      'mine://x',
      { storeModule: '/mine.js', region: 'x' },
      /"region" with a store in S3 only, got it with "mine:/,
    ],
    [
      'mine://x',
      { storeModule: '/mine.js', storeOption: {} },
      /"storeOption" of openStore, did you mean "storeOptions"/,
    ],
  ])('%s %j', async (url, options, message) => {
    await expect(openStore(url, options)).rejects.toThrow(TypeError)
    await expect(openStore(url, options)).rejects.toThrow(message)
  })

  test('one of several stores has to take an option', async () => {
    const stores = await openStores(['file:///dir', 's3://bucket'], { region: 'x' })
    expect(stores.map(({ url }) => url)).toEqual(['file:///dir', 's3://bucket'])
    for (const store of stores) await store.close()
    await expect(openStores(['file:///dir', 'file:///other'], { region: 'x' })).rejects.toThrow(
      '"region" with',
    )
  })
})

test.each([
  ['', 'its scheme is neither s3 nor file'],
  ['./data', 'its scheme is neither s3 nor file'],
  ['/data', 'its scheme is neither s3 nor file'],
  ['http://bucket', 'its scheme is neither s3 nor file'],
  ['mine://place', 'no module was named that opens it: --store-module, or in code the option "storeModule"'],
  ['S3://bucket', 'its scheme is neither s3 nor file'],
  ['s3://', 'it names no bucket'],
  ['s3:///prefix', 'it names no bucket'],
  ['s3://bucket?region=eu-west-1', 'settings such as the region are options'],
  ['s3://bucket/a/../b', 'its path has a segment "." or ".."'],
  ['file:///a/..', 'its path has a segment "." or ".."'],
  ['s3://bucket/a/%2E%2e/b', 'its path has a segment "." or ".."'],
  ['file:///a/%2e', 'its path has a segment "." or ".."'],
  ['s3://bucket/a?region=eu-west-1', 'settings such as the region are options'],
  ['file:///data?mode=ro', 'in a name "?" is written %3F, "#" %23'],
  ['s3://bucket/a#b', 'in a name "?" is written %3F, "#" %23'],
  ['file:///a#b', 'in a name "?" is written %3F, "#" %23'],
  ['s3://bucket/p%q', 'its path has a "%" that escapes no character: the "%" of a name is written %25'],
  ['file:///p%q', 'its path has a "%" that escapes no character'],
  ['file:///%ff', 'its path has a "%" that escapes no character'],
  ['file:///a%00b', 'its path has a control character'],
  ['s3://bucket/a%0ab', 'its path has a control character'],
  [`s3://bucket/${'a'.repeat(1025)}`, 'its path is longer than a key can be'],
  ['s3://bucket/a%2fb', 'a name in its path has an encoded "/"'],
  ['file:data', 'the directory must be an absolute path'],
  ['file://data/dir', 'the directory must be an absolute path'],
  ['file:///a%2fb', 'a name in its path has an encoded "/"'],
])('%j is refused with the reason', async (url, reason) => {
  await expect(openStore(url)).rejects.toThrow(TypeError)
  await expect(openStore(url)).rejects.toThrow(reason)
  await expect(openStore(url)).rejects.toThrow('"s3://bucket/prefix" or "file:///directory"')
})

test.each([
  ['mine:place', 'its scheme is neither s3 nor file'],
  ['mine://', 'it names no place'],
  ['mine:///', 'it names no place'],
  ['mine://key:secret@host/a', 'credentials are options, not part of the URL'],
  ['mine://key@host/a', 'credentials are options, not part of the URL'],
  ['mine://host/a/../b', 'its path has a segment "." or ".."'],
  ['mine://host/a?b', 'settings such as the region are options'],
  ['mine://host/%zz', 'escapes no character'],
])('with a module %j is refused with the reason, and no secret', async (url, reason) => {
  const opening = openStore(url, { storeModule: '/none.js' })
  await expect(opening).rejects.toThrow(TypeError)
  await expect(opening).rejects.toThrow(reason)
  await expect(opening).rejects.not.toThrow('secret')
})

test.each(['b', 'b1', 'a b', 'bücket', 'b'.repeat(256)])('no bucket can be called %s', (bucket) => {
  const message = `got "s3://${bucket}/prefix": its bucket is called as none can be: expected 3 to 63 lower-case letters`
  expect(() => parseStoreUrl(`s3://${bucket}/prefix`)).toThrow(message)
})

test.each(['Old_Bucket', 'b'.repeat(255)])('an old bucket may be called %s', (bucket) => {
  expect(parseStoreUrl(`s3://${bucket}/prefix`)).toEqual({ kind: 's3', bucket, prefix: 'prefix' })
})

test.each(['secret', 'sec/ret'])('credentials in a URL are refused and not repeated: %s', (secret) => {
  const attempt = () => parseStoreUrl(`s3://key:${secret}@bucket/prefix`)
  expect(attempt).toThrow('got "s3://…@bucket/prefix"')
  expect(attempt).not.toThrow('key')
})

test('the URL of any path is one word to a shell, and leads back to the path', () => {
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 4 }), (segments) => {
      const path = segments.join('/')
      const written = urlPath(path)
      expect(written).not.toMatch(/[\p{C}\p{Z}]|[\\\\'"`$&;|<>(){}[\]*?!#^]/u)
      expect(parseStoreUrl(`s3://bucket/${written}`)).toEqual({ kind: 's3', bucket: 'bucket', prefix: path })
      expect(parseStoreUrl(`file:///${written}`)).toEqual({ kind: 'directory', directory: `/${path}` })
      for (const url of [`s3://bucket/${written}`, `file:///${written}`])
        expect(printedUrl(`${url.replaceAll('-', '%2d')}/`)).toBe(url)
    }),
  )
})
