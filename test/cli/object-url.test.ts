import { describe, expect, test } from 'vitest'
import { splitObjectUrl } from '#src/cli/object-url.js'
import { runCommand } from '../support/command-runner.js'

describe('the URL of an object', () => {
  test.each([
    ['s3://bucket/000017.sst', 's3://bucket', { kind: 'table', number: 17, epoch: '' }],
    ['s3://bucket/a/b//000017.sst-abc/', 's3://bucket/a/b', { kind: 'table', number: 17, epoch: 'abc' }],
    ['file:///data/db/MANIFEST-abc', 'file:///data/db', { kind: 'manifest', epoch: 'abc' }],
    ['s3://b/db/CLOUDMANIFEST-a%20b%25', 's3://b/db', { kind: 'cloudManifest', cookie: 'a b%' }],
  ])('%s names a database and an object', (url, databaseUrl, name) => {
    expect(splitObjectUrl(url)).toEqual({ databaseUrl, name })
  })

  test.each([
    'MANIFEST-abc',
    '/data/db/MANIFEST-abc',
    's3://000017.sst',
    's3://bucket/a/orders',
    's3://bucket/CLOUDMANIFEST-%ff/x%',
  ])('%s is not one', (url) => {
    expect(splitObjectUrl(url)).toEqual({ databaseUrl: url, name: undefined })
  })

  test.each([
    ['sst', '000017.sst'],
    ['sst', 's3://000017.sst'],
    ['manifest', 'MANIFEST-abc'],
  ])('%s %s is refused as given', async (command, url) => {
    const { code, stderr } = await runCommand([command, url])
    expect(code).toBe(2)
    expect(stderr.replaceAll('"', '')).toContain(` ${url}`)
  })
})
