import { describe, expect, test } from 'vitest'
import { garbageJudge } from '#src/catalog/garbage.js'
import { readManifest } from '#src/catalog/manifest.js'
import type { ReadState } from '#src/catalog/read-state.js'
import { type CloudManifest, encodeCloudManifest } from '#src/format/cloud-manifest.js'
import { parseEpoch } from '#src/format/epoch.js'
import { parseObjectName } from '#src/format/file-name.js'
import { encodeLog } from '#src/format/log-record.js'
import { bytes, field } from '../support/version-edits.js'

const minute = (at: number) => new Date(at * 60_000)
const epoch = (text: string) => parseEpoch(text)!
/** Epoch a wrote files up to 9, b those up to 19, and c goes on. */
const abc: CloudManifest = {
  past: [
    { epoch: epoch('a'), end: 10 },
    { epoch: epoch('b'), end: 20 },
  ],
  current: epoch('c'),
}

/** The CLOUDMANIFEST was written in minute 20, the MANIFEST in minute 30. */
function stateOf(cookie: string, cloudManifest: CloudManifest, ...edits: Uint8Array[]): ReadState {
  const first = bytes(field.logNumber(1), field.nextFileNumber(99), field.lastSequence(9))
  const manifestBytes = encodeLog([first, ...edits])
  return {
    cookie,
    cloudManifestObject: `memory:///${encodeCloudManifest(cloudManifest).length}`,
    cloudManifest,
    cloudManifestModified: minute(20),
    manifestObject: 'memory:///MANIFEST',
    manifest: readManifest(manifestBytes),
    manifestModified: minute(30),
    manifestBytes,
    retentionMs: undefined,
    sources: [],
    isOurs: true,
    version: '',
    problems: [],
  }
}

const plain = stateOf(
  '',
  abc,
  field.newTable(1, 25, 100),
  field.deletedTable(1, 25),
  field.newBlobFile(27, 1, 100),
)

/** The claim of c wrote the MANIFEST of b again in minute 19; c has committed since. */
const objects = new Map([
  ['MANIFEST-a', { modified: minute(11) }],
  ['MANIFEST-b', { modified: minute(19) }],
  ['MANIFEST-c', { modified: minute(30) }],
])

const judge = (name: string, written: number, ...states: ReadState[]) =>
  garbageJudge(states, { objects, isSound: true })({
    parsed: parseObjectName(name),
    modified: minute(written),
    isDisplaced: false,
  })

describe('under one state', () => {
  test.each([
    ['a table of a past epoch, in its range', '000005.sst-a', 5, 'unreferenced', 30],
    ['a table of the present epoch that an edit dropped', '000025.sst-c', 25, 'unreferenced', 30],
    ['a blob file of the present epoch that an edit added', '000027.blob-c', 25, 'unreferenced', 30],
    ['a table of the present epoch that no edit mentions', '000026.sst-c', 25, 'uncommitted', undefined],
    ['a table that a displaced owner went on to write', '000010.sst-a', 5, 'invisible', 19],
    ['the same, written after everything else', '000010.sst-a', 40, 'invisible', 40],
    ['the MANIFEST of the last past epoch', 'MANIFEST-b', 15, 'pastManifest', 20],
    ['the MANIFEST of an earlier one', 'MANIFEST-a', 11, 'pastManifest', 19],
    ['a MANIFEST of unknown origin', 'MANIFEST-d', 15, 'unknownEpoch', 20],
    ['the MANIFEST of an opening that may be under way', 'MANIFEST-d', 21, 'unknownEpoch', undefined],
    ['a table of unknown origin', '000026.sst-d', 15, 'unknownEpoch', 20],
    ['a table without an epoch', '000026.sst', 15, 'unknownEpoch', 20],
  ])('%s', (_, name, written, reason, since) => {
    expect(judge(name, written, plain)).toMatchObject({
      kind: 'garbage',
      reason,
      since: since === undefined ? undefined : minute(since),
      deletedBy: reason === 'unknownEpoch' ? 'people' : 'owner',
    })
  })
})

test('commits of a displaced owner are reported as such', () => {
  const object = { parsed: parseObjectName('000010.sst-a'), modified: minute(40), isDisplaced: true }
  expect(garbageJudge([plain], { objects, isSound: true })(object)).toMatchObject({
    reason: 'displaced',
    since: minute(40),
    deletedBy: 'owner',
  })
})

describe('under several states', () => {
  const older = stateOf('old', { past: [{ epoch: epoch('a'), end: 10 }], current: epoch('b') })

  test('reports the most telling reason, and the owner of a state that knows it deletes', () => {
    // The old state may still commit it; for the new one it is a table of the past.
    expect(judge('000015.sst-b', 5, plain, older)).toMatchObject({
      reason: 'uncommitted',
      since: undefined,
      deletedBy: 'owner',
    })
    // Unknown to the old state, visible to the new one.
    expect(judge('000025.sst-c', 5, older, plain)).toMatchObject({
      reason: 'unreferenced',
      deletedBy: 'owner',
    })
  })

  test('it is garbage since the last of them stopped needing it', () => {
    const later = { ...older, manifestModified: minute(50) }
    expect(judge('000005.sst-a', 5, plain, later)).toMatchObject({ since: minute(50) })
  })

  test('it is undecided while one of them is unreadable', () => {
    const { manifestBytes: _, ...unread } = older
    const damaged: ReadState = { ...unread, manifest: undefined, manifestBytes: undefined }
    expect(judge('000005.sst-a', 5, plain, damaged)).toEqual({ kind: 'undecided' })
  })
})

test('without a state no object belongs to a database', () => {
  expect(judge('000005.sst-a', 5)).toMatchObject({ reason: 'noDatabase', deletedBy: 'people' })
})

test('the owner deletes nothing of a damaged database, which it does not open', () => {
  const object = { parsed: parseObjectName('000005.sst-a'), modified: minute(5), isDisplaced: false }
  expect(garbageJudge([plain], { objects, isSound: false })(object)).toMatchObject({ deletedBy: 'people' })
})
