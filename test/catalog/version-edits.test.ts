import { expect, test } from 'vitest'
import { versionEdits } from '#src/catalog/version-edits.js'
import { encodeLog } from '#src/format/log-record.js'
import { bytes, field } from '../support/version-edits.js'

const edits = [bytes(field.logNumber(1)), bytes(field.newTable(1, 12, 100)), bytes(field.deletedTable(1, 12))]
const log = encodeLog(edits)

test('edits come in order, each with the offset of its record', () => {
  const placed = [...versionEdits(log)]
  expect(
    placed.map(({ edit }) => [edit.logNumber, edit.newTables.length, edit.deletedTables.length]),
  ).toEqual([
    [1, 0, 0],
    [undefined, 1, 0],
    [undefined, 0, 1],
  ])
  expect(placed[0]!.start).toBe(0)
  expect(placed.slice(1).map(({ start }) => start)).toEqual(placed.slice(0, -1).map(({ end }) => end))
  expect(placed.at(-1)!.end).toBe(log.length)
})

test('a reader can continue where it stopped', () => {
  const [first] = versionEdits(log)
  expect([...versionEdits(log, { from: first!.end })]).toHaveLength(2)
})

test('a torn end is cut off, or in strict mode is damage', () => {
  const torn = log.subarray(0, -1)
  expect([...versionEdits(torn)]).toHaveLength(2)
  expect(() => [...versionEdits(torn, { name: 'MANIFEST-aa', tail: 'strict' })]).toThrow(
    /^MANIFEST-aa is corrupt/,
  )
})

test('an undecodable record ends them, after those before it', () => {
  const seen: number[] = []
  const damaged = encodeLog([edits[0]!, bytes(99_999), edits[1]!])
  expect(() => {
    for (const { start } of versionEdits(damaged)) seen.push(start)
  }).toThrow(/tag 99999 is unknown/)
  expect(seen).toEqual([0])
})
