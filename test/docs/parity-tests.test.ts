import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const page = readFileSync(`${root}docs/parity-tests.md`, 'utf8')

test('each test that docs/parity-tests.md names is in the file that it names', () => {
  const rows = [...page.matchAll(/^\| (?!case \|)[^|]+ \| `([^`]+)` \| (.+) \|$/gm)]
  const missing = rows.filter(([, file = '', name = '']) => {
    const source = existsSync(root + file) ? readFileSync(root + file, 'utf8') : ''
    return !["'", '"', '`'].some((quote) => source.includes(`${quote}${name}${quote}`))
  })
  expect(missing.map(([row]) => row)).toEqual([])
  expect(rows.length).toBe(page.match(/^\| .*$/gm)!.length - 2)
})
