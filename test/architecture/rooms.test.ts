import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path/posix'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const source = join(root, 'src')
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.ts'),
)
const architecture = readFileSync(join(root, 'docs/architecture.md'), 'utf8')

/** Each room may import those that the table of docs/architecture.md has further down, and only those. */
const floors = [...architecture.matchAll(/^\| ((?:`src\/[\w.-]+`(?:, )?)+) \|/gm)].map(([, names = '']) =>
  [...names.matchAll(/`src\/([\w.-]+)`/g)].map(([, name]) => name!),
)
const floorOf = new Map(
  floors.flatMap((names, at) => names.map((name) => [name, floors.length - at] as const)),
)

function roomOf(file: string): string {
  return file.split('/')[0]!
}

const imports = files.flatMap((file) =>
  [...readFileSync(join(source, file), 'utf8').matchAll(/(?:from |import\(|import )'(\.[^']+)'/g)].map(
    ([, path = '']) => ({ file, target: normalize(join(dirname(file), path)).replace(/\.js$/, '.ts') }),
  ),
)

test('the architecture names every room once, and no other', () => {
  expect(floors.flat().sort()).toEqual([...new Set(files.map(roomOf))].sort())
})

test('every import is of a file of the sources', () => {
  expect(imports.filter(({ target }) => !files.includes(target))).toEqual([])
  expect(imports.length).toBeGreaterThan(1000)
})

test('a room imports only rooms below it', () => {
  const wrong = imports
    .filter(({ file, target }) => roomOf(file) !== roomOf(target))
    .filter(({ file, target }) => floorOf.get(roomOf(target))! >= floorOf.get(roomOf(file))!)
  expect(wrong.map(({ file, target }) => `${file} imports ${target}`)).toEqual([])
})

/** Imports that would be wrong although the floors allow them. */
const never = [
  ['inspect', ['cloud', 'host', 'engine'], 'reports need no engine, no host and no local disk'],
  ['catalog', ['options', 'binding'], 'what a bucket says does not depend on how somebody opens it'],
  ['cloud', ['binding'], 'the Env does not know that C++ exists'],
] as const

test.each(never)('%s never imports %j: %s', (room, others) => {
  const wrong = imports.filter(
    ({ file, target }) => roomOf(file) === room && (others as readonly string[]).includes(roomOf(target)),
  )
  expect(wrong).toEqual([])
})

test('nothing below the command line prints', () => {
  const printing = files.filter(
    (file) =>
      ['inspect', 'table', 'catalog'].includes(roomOf(file)) &&
      /\bconsole\b|process\.std/.test(readFileSync(join(source, file), 'utf8')),
  )
  expect(printing).toEqual([])
})

test('the Env reaches disk, time and chance through its System, so that a simulation can stand in for them', () => {
  const direct =
    /from 'node:(?:crypto|child_process|net|os|timers)|(?<!import \{ constants \} )from 'node:fs|\b(?:Date\.now|Math\.random|performance\.now|setTimeout|setInterval)\b/
  const wrong = files
    .filter((file) => roomOf(file) === 'cloud')
    .filter((file) => direct.test(readFileSync(join(source, file), 'utf8')))
  expect(wrong).toEqual([])
})

test('below the Env, too, time passes by a clock that is handed in, and nothing is left to chance but names', () => {
  const direct = /\b(?:Date\.now|Math\.random|performance\.now|setTimeout|setInterval)\b/
  const wrong = files
    .filter((file) => ['store', 'catalog', 'table'].includes(roomOf(file)))
    .filter((file) => direct.test(readFileSync(join(source, file), 'utf8')))
  expect(wrong).toEqual([])
})

test('no file of the sources has more than 400 lines', () => {
  const long = files
    .map((file) => ({ file, lines: readFileSync(join(source, file), 'utf8').split('\n').length - 1 }))
    .filter(({ lines }) => lines > 400)
  expect(long).toEqual([])
})
