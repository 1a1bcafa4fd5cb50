import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { overlap, realPath } from '#src/env/real-path.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

function tree(): string {
  const top = realPath(temporaryDirectory('cloudenv-real-path'))
  mkdirSync(join(top, 'a/b'), { recursive: true })
  mkdirSync(join(top, 'ab'))
  symlinkSync(join(top, 'a'), join(top, 'link'))
  symlinkSync('a/later', join(top, 'dangling'))
  symlinkSync('circle', join(top, 'circle'))
  return top
}

test.each([
  ['a/b/', 'a/b'],
  ['a/b/../../a', 'a'],
  ['link/b', 'a/b'],
  ['link/new/er', 'a/new/er'],
  ['dangling/x', 'a/later/x'],
  ['circle/x', 'circle/x'],
])('%s is %s', (path, real) => {
  const top = tree()
  expect(realPath(`${top}/${path}`)).toBe(join(top, real))
})

describe('directories', () => {
  test.each([
    ['a', 'a'],
    ['a', 'a/'],
    ['a', 'link'],
    ['a', 'link/b'],
    ['a', 'a/b/new/er'],
    ['dangling', 'a'],
    ['a/later', 'dangling/x'],
    ['new', 'new/er'],
    ['', 'a'],
  ])('%s and %s overlap, either way', (a, b) => {
    const top = tree()
    expect(overlap(`${top}/${a}`, `${top}/${b}`)).toBe(true)
    expect(overlap(`${top}/${b}`, `${top}/${a}`)).toBe(true)
  })

  test.each([
    ['a', 'ab'],
    ['a/b', 'a/c'],
    ['link/b', 'ab'],
    ['new', 'newer'],
    ['dangling', 'a/b'],
  ])('%s and %s lie apart', (a, b) => {
    const top = tree()
    expect(overlap(`${top}/${a}`, `${top}/${b}`)).toBe(false)
    expect(overlap(`${top}/${b}`, `${top}/${a}`)).toBe(false)
  })
})
