import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { jsonLine } from '#src/cli/output/json.js'
import { writeJson } from '#src/cli/output/write-json.js'
import { encodeCloudManifest } from '#src/format/cloud-manifest.js'
import { parseEpoch } from '#src/format/epoch.js'
import { encodeLog } from '#src/format/log-record.js'
import { jsonBytes } from '#src/inspect/json-bytes.js'
import { CommandRunner } from '../support/command-runner.ts'
import { internalKey } from '../support/raw-table.ts'
import { mainTestStores } from '../support/test-stores.ts'
import { bytes, field, prefixed } from '../support/version-edits.ts'

/** The pieces in which a value is written. */
async function written(value: unknown): Promise<string[]> {
  const pieces: string[] = []
  await writeJson(
    {
      writePart: async (text) => {
        pieces.push(text)
      },
    },
    value,
  )
  return pieces
}

/** Makes everything around it too long to be joined at once. */
const long = 'x'.repeat(70_000)

describe('JSON written piece by piece', () => {
  test('is the same as in one piece', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ stringUnit: 'binary' }), async (value) => {
        for (const wrapped of [value, { value, long }, [long, [value, value], { a: { value, long }, b: [] }]])
          expect((await written(wrapped)).join('')).toBe(jsonLine(wrapped))
      }),
      { numRuns: 30 },
    )
  })

  test('is so for values that JSON lacks, and leaves out undefined ones', async () => {
    const value = {
      big: 2n ** 60n,
      at: new Date(0),
      none: undefined,
      nothing: null,
      key: jsonBytes(Buffer.from('k\xff')),
    }
    for (const wrapped of [value, { long, value }, { long, ...value }, { list: [value, long] }])
      expect((await written(wrapped)).join('')).toBe(jsonLine(wrapped))
  })

  test.each([
    ['text', 'a😀\u202e\ud800'.repeat(40_000)],
    ['text that is cut elsewhere', `a${'a😀\u202e\ud800'.repeat(40_000)}`],
    ['bytes', jsonBytes(new Uint8Array(100_001).fill(0xff))],
    ['more bytes than are shown as text', jsonBytes(new Uint8Array(2 ** 20 + 2).fill(0x61))],
  ])('is so for %s longer than a piece, without holding much of it', async (_, value) => {
    const pieces = await written({ value })
    expect(pieces.join('')).toBe(jsonLine({ value }))
    // An escaped character has at most six.
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThanOrEqual(6 * 65_536)
  })

  test('writes an async iterable as a list', async () => {
    async function* elements() {
      yield { a: 1 }
      yield 'b'
    }
    expect((await written({ list: elements(), none: new Set() })).join('')).toBe(
      '{"list":[{"a":1},"b"],"none":[]}',
    )
  })
})

describe('JSON of a database whose keys are as long as a value', () => {
  const tables = 8
  const runner = new CommandRunner(['--max-old-space-size=64'])
  afterAll(() => runner.stop())

  test.each([['tables'], ['verify']])('is written in little memory: %s', async (command) => {
    const store = mainTestStores()[0]!.make()
    const key = prefixed(internalKey(Buffer.alloc(400_000, 0xff)))
    const header = bytes(field.logNumber(1), field.nextFileNumber(90), field.lastSequence(9))
    const edits = Array.from({ length: tables }, (_, at) => bytes(7, 0, at + 1, 1, key, key))
    await store.put('db/CLOUDMANIFEST', encodeCloudManifest({ past: [], current: parseEpoch('abc')! }))
    await store.put('db/MANIFEST-abc', encodeLog([header, ...edits]))
    const { code, stdout } = await runner.run([command, store.url('db'), '--json'])
    expect(code).toBe(1)
    // Two keys for each of the tables, all of them missing; a byte is `\\xff` in JSON, and more in base 64.
    expect(stdout.length).toBeGreaterThan(tables * 2 * 400_000 * 6)
    expect(JSON.parse(stdout).problems.length).toBeGreaterThanOrEqual(tables)
  })
})
