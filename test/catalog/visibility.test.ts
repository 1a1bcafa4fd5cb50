import { expect, test } from 'vitest'
import { isVisible, knowsEpoch } from '#src/catalog/visibility.js'
import type { CloudManifest } from '#src/format/cloud-manifest.js'
import type { Epoch } from '#src/format/epoch.js'

const epochAt = (at: number) => `a${at}` as Epoch
const pastOf = (count: number): CloudManifest => ({
  past: Array.from({ length: count }, (_, at) => ({ epoch: epochAt(at), end: at + 1 })),
  current: 'cc' as Epoch,
})
const tableOf = (number: number, epoch: Epoch) => ({ kind: 'table', number, epoch }) as const

test('a table is visible only under the epoch of its number, and unknown epochs are not known', () => {
  const manifest = pastOf(2)
  expect([0, 1].map((at) => isVisible(tableOf(at, epochAt(at)), manifest))).toEqual([true, true])
  expect(isVisible(tableOf(2, manifest.current), manifest)).toBe(true)
  expect(isVisible(tableOf(0, epochAt(1)), manifest)).toBe(false)
  expect(
    [epochAt(0), epochAt(1), manifest.current, epochAt(2)].map((epoch) => knowsEpoch(manifest, epoch)),
  ).toEqual([true, true, true, false])
})
