import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { Root } from '#src/cloud/root.js'
import { newRoot } from '../support/machine.js'

let path: string
let root: Root
beforeEach(() => {
  path = newRoot()
  root = new Root(path)
  for (const name of ['a', 'b']) mkdirSync(join(path, name))
  symlinkSync(join(path, 'a'), join(path, 'link'))
})

function turnLink(): void {
  rmSync(join(path, 'link'))
  symlinkSync(join(path, 'b'), join(path, 'link'))
}

function lookAtMany(): void {
  for (let number = 0; number < 2000; number++) root.realPath(join(path, `other-${number}`))
}

test('a link to an open database leads there until it is closed, whatever other paths are used', () => {
  expect(root.realPath(join(path, 'link'))).toBe(join(path, 'a'))
  root.opened(join(path, 'a'))
  turnLink()
  lookAtMany()
  expect(root.realPath(join(path, 'link'))).toBe(join(path, 'a'))
  expect(root.aliasesOf(join(path, 'a'))).toEqual([join(path, 'link')])
  root.closed(join(path, 'a'))
  expect(root.realPath(join(path, 'link'))).toBe(join(path, 'b'))
})

test('forgets paths after many others: memory does not grow with each path that a program uses', () => {
  expect(root.realPath(join(path, 'link'))).toBe(join(path, 'a'))
  turnLink()
  expect(root.realPath(join(path, 'link')), 'it is known').toBe(join(path, 'a'))
  lookAtMany()
  expect(root.realPath(join(path, 'link'))).toBe(join(path, 'b'))
})
