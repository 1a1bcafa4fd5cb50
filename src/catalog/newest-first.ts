import type { LiveTable } from './manifest.js'

/**
 * Order in which RocksDB reads tables of level 0 (`NewestFirstByEpochNumber`, db/version_edit.cc): negative if `a`
 * comes first. Older versions, such as 7.8, have no epoch numbers, and go by sequence numbers (`NewestFirstBySeqNo`).
 */
export function newestFirst(a: LiveTable, b: LiveTable): number {
  return (
    compare(b.epochNumber ?? 0, a.epochNumber ?? 0) ||
    compare(b.largestSequence ?? 0n, a.largestSequence ?? 0n) ||
    compare(b.smallestSequence ?? 0n, a.smallestSequence ?? 0n) ||
    b.number - a.number
  )
}

function compare<T extends number | bigint>(a: T, b: T): number {
  return Number(a > b) - Number(a < b)
}
