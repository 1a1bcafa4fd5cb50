import fc from 'fast-check'
import { expect, test } from 'vitest'
import { laidOutJson } from '#src/cli/output/json-text.js'

test('formatted JSON means the same on one line or many, and is safe to print', () => {
  fc.assert(
    fc.property(fc.json({ stringUnit: 'binary' }), fc.boolean(), (text, indented) => {
      const laidOut = laidOutJson(text, { indented })!
      expect(JSON.parse(laidOut)).toEqual(JSON.parse(text))
      expect(indented ? laidOut.replaceAll('\n', '') : laidOut).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u)
    }),
  )
})

test('on one line it is as short as possible', () => {
  fc.assert(
    fc.property(fc.json({ stringUnit: 'grapheme-ascii' }), (text) => {
      expect(laidOutJson(JSON.stringify(JSON.parse(text), undefined, 3), { indented: false })).toBe(
        JSON.stringify(JSON.parse(text)),
      )
    }),
  )
})

test('numbers keep their digits', () => {
  expect(laidOutJson('[1.50, 12345678901234567890]', { indented: false })).toBe('[1.50,12345678901234567890]')
})

test('endless nesting takes bounded memory', () => {
  const deep = 5000
  const text = laidOutJson('['.repeat(deep) + ']'.repeat(deep), { indented: true })
  expect(text!.length).toBeLessThan(deep * 2 * 110)
})

test('text too long for a layout stays on one line', () => {
  const nested = (open: string, element: string, close: string) =>
    `${open.repeat(60)}${`${element},`.repeat(700_000)}${element}${close.repeat(60)}`
  const text = laidOutJson(nested(' [', '0', ' ]'), { indented: true })
  expect(text === nested('[', '0', ']')).toBe(true)
})

test('text that is not JSON is recognized', () => {
  for (const text of ['', '{', 'nan', "{'a':1}", '[1,]'])
    expect(laidOutJson(text, { indented: true })).toBe(undefined)
})
