import { expect, test } from 'vitest'
import { isLeftBehind, isVisible, knowsEpoch } from '#src/cloud/visibility.js'
import type { CloudManifest } from '#src/format/cloud-manifest.js'
import type { Epoch } from '#src/format/epoch.js'

const epochAt = (at: number) => `a${at}` as Epoch
const pastOf = (count: number): CloudManifest => ({
  past: Array.from({ length: count }, (_, at) => ({ epoch: epochAt(at), end: at + 1 })),
  current: 'cc' as Epoch,
})
const tableOf = (number: number, epoch: Epoch) => ({ kind: 'table', number, epoch }) as const

test('a table is visible under its epoch, left behind under another, and nothing is known of strange ones', () => {
  const manifest = pastOf(2)
  expect([0, 1].map((at) => isVisible(tableOf(at, epochAt(at)), manifest))).toEqual([true, true])
  expect(isVisible(tableOf(2, manifest.current), manifest)).toBe(true)
  expect(isVisible(tableOf(0, epochAt(1)), manifest)).toBe(false)
  expect(isLeftBehind(tableOf(0, epochAt(1)), manifest)).toBe(true)
  expect(isLeftBehind(tableOf(0, 'feed' as Epoch), manifest)).toBe(false)
  expect(
    [epochAt(0), epochAt(1), manifest.current, epochAt(2)].map((epoch) => knowsEpoch(manifest, epoch)),
  ).toEqual([true, true, true, false])
})

test('hundreds of thousands of objects are told apart by as many epochs in no time', () => {
  const count = 200_000
  const manifest = pastOf(count)
  let [visible, leftBehind] = [0, 0]
  for (let at = 0; at < count; at++) {
    if (isVisible(tableOf(at, epochAt(at)), manifest)) visible += 1
    if (isLeftBehind(tableOf(at, epochAt(count - 1 - at)), manifest)) leftBehind += 1
  }
  expect([visible, leftBehind]).toEqual([count, count])
}, 10_000)
