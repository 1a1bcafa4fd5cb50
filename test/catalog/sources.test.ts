import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { recordedSources, sourcesMetadata, unneededSources, withSources } from '#src/catalog/sources.js'
import { StoredObjects } from '../support/stored-objects.js'

const anySources = fc.array(
  fc.record(
    {
      url: fc.string({ unit: 'binary' }),
      server: fc.string(),
      pin: fc.constant('0123456789abcdef'),
    },
    { requiredKeys: ['url'] },
  ),
)

test('recorded sources are read back as they were, and fit into a header', () => {
  fc.assert(
    fc.property(anySources, (sources) => {
      const metadata = sourcesMetadata(sources)
      for (const value of Object.values(metadata)) expect(value).toMatch(/^[ -~]*$/)
      expect(recordedSources({ metadata })).toEqual(sources)
    }),
  )
})

test('a database that stands alone records nothing', () => {
  expect(sourcesMetadata([])).toEqual({})
})

test.each(['', '{', 'null', '{}', '[null, 1, {}, {"url":1}, {"url":"a","pin":2}]'])(
  'metadata that is not ours (%j) records no source',
  (text) => {
    expect(recordedSources({ metadata: { 'cloudenv-sources': text } })).toEqual([])
  },
)

describe('buckets of the same name on two servers', () => {
  const onServer = (server: string) => ({ store: { ...new StoredObjects().store, server }, path: 'db' })
  const own = { ...onServer('here'), path: 'clone' }
  const url = 'memory://bucket/db'

  test('are two sources', async () => {
    const opened: unknown[] = []
    const places = await withSources(
      [own, onServer('here')],
      [{ url }, { url, server: 'there' }],
      (...asked) => {
        opened.push(asked)
        return Promise.resolve(onServer('there'))
      },
    )
    expect(opened).toEqual([[url, 'there']])
    expect(places).toHaveLength(3)
  })

  test('are told apart where the files of a clone lie', () => {
    const file = { place: onServer('there'), objectName: '000001.sst-a', size: 1, modified: new Date(0) }
    const sources = [{ url }, { url, server: 'there' }]
    const files = new Map([['000001.sst', file]])
    const view = { places: [own] as const, sources, files, isPartial: false }
    expect(unneededSources(view)).toEqual([{ url }])
    expect(unneededSources({ ...view, isPartial: true })).toEqual([])
    expect(unneededSources({ ...view, isPartial: true, files: new Map() })).toEqual(sources)
  })
})
