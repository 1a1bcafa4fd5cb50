import { expect, onTestFinished, test } from 'vitest'
import { decodeManifest } from '#src/catalog/decode-manifest.js'
import { readManifest } from '#src/catalog/manifest.js'
import { encodeLog } from '#src/format/log-record.js'
import { bytes, field } from '../support/version-edits.js'

const options = { name: 'MANIFEST-abc', limit: 500_000 }
const opening = bytes(field.logNumber(1), field.nextFileNumber(90), field.lastSequence(9))
const tables = Array.from({ length: 1_000 }, (_, at) => field.newTable(1, at + 10, 1))
// Empty edits, of 1 KiB and 8 bytes.
const nothing = Array.from({ length: 5 * 2 ** 10 }, () => bytes(8200, 1021, Buffer.alloc(1021)))
const log = encodeLog([opening, ...nothing, ...tables])

test('decodes a MANIFEST of some megabytes without blocking the event loop', async () => {
  let turns = 0
  let turn = setImmediate(function again() {
    turns += 1
    turn = setImmediate(again)
  })
  onTestFinished(() => clearImmediate(turn))
  const manifest = await decodeManifest(log, options)
  expect(turns).toBeGreaterThanOrEqual(4)
  expect(manifest).toEqual(readManifest(log, { tail: 'strict' }))
})

test('refuses a MANIFEST as it is refused elsewhere', async () => {
  const contradiction = encodeLog([opening, field.deletedTable(0, 7)])
  const torn = log.subarray(0, -1)
  for (const [damaged, limit] of [
    [contradiction, 500_000],
    [torn, 500_000],
    [log, 900],
  ] as const) {
    const limits = { ...options, limit }
    let refusal: unknown
    try {
      readManifest(damaged, { ...limits, tail: 'strict' })
    } catch (error) {
      refusal = error
    }
    expect(refusal).toBeInstanceOf(Error)
    await expect(decodeManifest(damaged, limits)).rejects.toEqual(refusal)
  }
})
