import { expect, test } from 'vitest'
import { epochPicture } from '#src/demo/epoch-picture.js'

const line = (label: string, ...epochs: readonly string[]) => ({ label, epochs })

test('a line of history is its epochs, cut short', () => {
  expect(epochPicture([line('db', '1f0a5555', '93bd5555')])).toEqual(['1f0a──93bd  db'])
})

test('a branch leaves its line where it has an epoch of its own', () => {
  expect(
    epochPicture([
      line('db', 'aaaa', 'bbbb', 'cccc'),
      line('db, b', 'aaaa', 'bbbb', 'dddd'),
      line('other', 'eeee'),
    ]),
  ).toEqual(['aaaa──bbbb──cccc  db', '      ╰─────dddd  db, b', 'eeee              other'])
})

test('a branch of a branch stands below that', () => {
  const lines = [
    line('db', 'a', 'b'),
    line('x', 'a', 'c'),
    line('y', 'a', 'b', 'd'),
    line('z', 'a', 'c', 'e'),
  ]
  expect(epochPicture(lines).map((drawn) => drawn.trim().split(/\s+/).at(-1))).toEqual(['db', 'y', 'x', 'z'])
})
