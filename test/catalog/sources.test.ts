import fc from 'fast-check'
import { expect, test } from 'vitest'
import { recordedSources, sourcesMetadata } from '#src/catalog/sources.js'

const anySources = fc.array(
  fc.record(
    { url: fc.string({ unit: 'binary' }), pin: fc.constant('0123456789abcdef') },
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
