import { expect, test } from 'vitest'
import { readManifest } from '#src/catalog/manifest.js'
import { type DecidingState, obsoleteReason } from '#src/catalog/obsolete-reason.js'
import type { CloudManifest } from '#src/format/cloud-manifest.js'
import type { Epoch } from '#src/format/epoch.js'
import { parseObjectName } from '#src/format/file-name.js'
import { encodeLog } from '#src/format/log-record.js'
import { bytes, field } from '../support/version-edits.js'

const epochAt = (at: number) => `a${at}` as Epoch
/** Epoch a0 wrote file 0, a1 file 1, and so on; cc goes on. */
const pastOf = (count: number): CloudManifest => ({
  past: Array.from({ length: count }, (_, at) => ({ epoch: epochAt(at), end: at + 1 })),
  current: 'cc' as Epoch,
})
const manifest = readManifest(
  encodeLog([
    bytes(field.logNumber(1), field.nextFileNumber(90), field.lastSequence(9), field.newTable(0, 1, 100)),
  ]),
)
const stateOf = (cloudManifest: CloudManifest): DecidingState => ({
  cloudManifest,
  manifest,
  mentions: (number) => number === 7,
})

test.each([
  ['a table that the MANIFEST has', '000001.sst-a1', undefined],
  ['one of its number, of another epoch', '000001.sst-a0', 'invisible'],
  ['a table of a past epoch that the MANIFEST lacks', '000000.sst-a0', 'unreferenced'],
  ['one of the present epoch that an edit dropped', '000007.sst-cc', 'unreferenced'],
  ['one of the present epoch that no edit mentions', '000008.sst-cc', 'uncommitted'],
  ['the MANIFEST of the present epoch', 'MANIFEST-cc', undefined],
  ['the MANIFEST of a past epoch', 'MANIFEST-a0', 'pastManifest'],
  ['a former MANIFEST of the present epoch', 'HISTORY-cc-000012', 'formerManifest'],
  ['a former MANIFEST of a past epoch', 'HISTORY-a0-000012', 'formerManifest'],
  ['a former MANIFEST of an epoch that the CLOUDMANIFEST lacks', 'HISTORY-feed-000012', 'unknownEpoch'],
  ['the MANIFEST of an epoch that the CLOUDMANIFEST lacks', 'MANIFEST-feed', 'unknownEpoch'],
  ['a table of such an epoch', '000001.sst-feed', 'unknownEpoch'],
  ['IDENTITY', 'IDENTITY', undefined],
])('%s', (_, name, reason) => {
  expect(obsoleteReason(parseObjectName(name)!, stateOf(pastOf(2)))).toBe(reason)
})

test('judges hundreds of thousands of objects of as many epochs quickly', () => {
  const count = 200_000
  const state = stateOf(pastOf(count))
  const found = new Map<string | undefined, number>()
  for (let at = 0; at < count; at++) {
    const number = at + (at % 2)
    const reason = obsoleteReason({ kind: 'table', number, epoch: epochAt(at) }, state)
    found.set(reason, (found.get(reason) ?? 0) + 1)
  }
  expect(Object.fromEntries(found)).toEqual({ unreferenced: count / 2, invisible: count / 2 })
})
