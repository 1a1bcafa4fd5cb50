import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const read = (path: string) => readFileSync(`${root}${path}`, 'utf8')
const guide = read('docs/guides/from-rocksdb-cloud.md')

/** Spans of code in the last column of the tables, in which are the names that we have. */
const spans = guide
  .slice(guide.indexOf('## Options'))
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .flatMap((line) => [...(line.split(' | ').at(-1) ?? '').matchAll(/`([^`]+)`/g)])
  .map(([, span = '']) => span)

test('every command that the guide names for one of rocksdb-cloud exists', () => {
  const commands = readdirSync(`${root}src/cli/commands`).map((name) => name.replace('.ts', ''))
  const named = spans.flatMap((span) => /^cloudenv (\w+)/.exec(span)?.[1] ?? [])
  expect(named.filter((name) => !commands.includes(name))).toEqual([])
  expect(named.length).toBeGreaterThan(8)
})

test('every option and function that it names exists', () => {
  const sources = [
    'src/index.ts',
    'src/cloud/cloud-env-options.ts',
    'src/store/registry.ts',
    'src/store/s3-connection.ts',
    'src/store/s3-encryption.ts',
    'src/engine/rocksdb.ts',
    'src/engine/call-options.ts',
    'src/hosted-cloud-env.ts',
    'src/env/env.ts',
  ].map(read)
  const words = new Set(sources.flatMap((source) => source.match(/\w+/g) ?? []))
  const named = spans
    .filter((span) => !/^cloudenv |[/_]/.test(span))
    .flatMap((span) => span.match(/\b[a-z]+[A-Z]\w*/g) ?? [])
  expect(named.filter((name) => !words.has(name))).toEqual([])
  expect(named.length).toBeGreaterThan(25)
})
