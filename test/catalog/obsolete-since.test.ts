import { expect, test } from 'vitest'
import { obsoleteSince } from '#src/catalog/obsolete-since.js'
import { parseEpoch } from '#src/format/epoch.js'
import { parseObjectName } from '#src/format/file-name.js'

const minute = (at: number) => new Date(at * 60_000)
const epoch = (text: string) => parseEpoch(text)!

/** Epoch c is the current one since minute 20. */
function stateWith(manifests: Readonly<Record<string, number>>) {
  return {
    cloudManifest: {
      past: [
        { epoch: epoch('a'), end: 10 },
        { epoch: epoch('b'), end: 20 },
      ],
      current: epoch('c'),
    },
    cloudManifestModified: minute(20),
    manifestModified: minute(30),
    objects: new Map(Object.entries(manifests).map(([name, at]) => [name, { modified: minute(at) }])),
  }
}

const pastManifest = (name: string) =>
  ({ parsed: parseObjectName(name)!, modified: minute(1), reason: 'pastManifest' }) as const

test('a past epoch has been obsolete since the next one took over', () => {
  const sinceOf = obsoleteSince(stateWith({ 'MANIFEST-a': 11, 'MANIFEST-b': 19, 'MANIFEST-c': 30 }))
  expect(sinceOf(pastManifest('MANIFEST-b'))).toEqual(minute(20))
  expect(sinceOf(pastManifest('MANIFEST-a'))).toEqual(minute(19))
})

test('an epoch without a MANIFEST has superseded none', () => {
  const sinceOf = obsoleteSince(stateWith({ 'MANIFEST-a': 11, 'MANIFEST-b': 19 }))
  expect(sinceOf(pastManifest('MANIFEST-b')), 'readers still use it').toBeUndefined()
  expect(sinceOf(pastManifest('MANIFEST-a'))).toEqual(minute(20))
})

test('the current epoch has not been superseded', () => {
  const sinceOf = obsoleteSince(stateWith({ 'MANIFEST-b': 19, 'MANIFEST-c': 30 }))
  expect(sinceOf(pastManifest('MANIFEST-c'))).toBeUndefined()
})

test('a former MANIFEST has been obsolete since it was written', () => {
  const sinceOf = obsoleteSince(stateWith({ 'MANIFEST-c': 30 }))
  const parsed = parseObjectName('HISTORY-c-000012')!
  expect(sinceOf({ parsed, modified: minute(25), reason: 'formerManifest' })).toEqual(minute(25))
})

test('no object has been obsolete for longer than it exists', () => {
  const sinceOf = obsoleteSince(stateWith({ 'MANIFEST-b': 19, 'MANIFEST-c': 30 }))
  const parsed = parseObjectName('000010.sst-a')!
  expect(sinceOf({ parsed, modified: minute(40), reason: 'invisible' })).toEqual(minute(40))
  expect(sinceOf({ parsed, modified: minute(40), reason: 'unreferenced' })).toEqual(minute(40))
})
