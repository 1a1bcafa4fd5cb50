/** Problems of a state of a database although all its objects exist: pure, from its two manifests. */

import type { LiveTable, Manifest } from '../catalog/manifest.js'
import type { Problem, ProblemCode, UserKeyRange } from '../catalog/problem.js'
import type { SurveyedState } from '../catalog/survey.js'
import { tableRange } from '../catalog/table-range.js'
import type { InternalKey } from '../format/internal-key.js'
import { keyOrder } from '../format/key-order.js'
import { quoted } from '../format/quoted.js'

/** Contradictions of a state with itself or with IDENTITY. None if one of its manifests could not be read. */
export function verifyState(
  state: SurveyedState,
  identity: string | undefined,
  identityObject: string,
): Problem[] {
  const { cloudManifest, manifest, manifestObject } = state
  if (!cloudManifest || !manifest || manifestObject === undefined) return []
  const problem: MakeProblem = (code, message, range) => ({
    code,
    object: manifestObject,
    message: `${manifestObject} ${message}`,
    ...(range && { range }),
  })
  const lastEnd = cloudManifest.past.at(-1)?.end ?? 0
  return [
    ...verifyAge(state.cloudManifestObject, lastEnd, manifest, problem),
    ...verifyIdentity(manifest, identity, identityObject, manifestObject),
    ...verifyTables(manifest, problem),
    ...verifyLevels(manifest, problem),
  ]
}

type MakeProblem = (code: ProblemCode, message: string, range?: UserKeyRange) => Problem

/**
 * A MANIFEST starts as a copy of the previous one, whose next file number is where the new epoch starts; it only grows.
 */
function verifyAge(
  cloudManifestObject: string,
  lastEnd: number,
  { lastNextFileNumber }: Manifest,
  problem: MakeProblem,
): Problem[] {
  if (lastEnd <= lastNextFileNumber) return []
  const message =
    `is older than ${cloudManifestObject}: there, files up to ${lastEnd} belong to past epochs, and the MANIFEST knows ` +
    `of none from ${lastNextFileNumber} on. Bring back the MANIFEST that was written last, or the CLOUDMANIFEST that fits this one`
  return [problem('staleManifest', message)]
}

/** The id of a clone is the id of its source with an addition. */
function verifyIdentity(
  { dbId }: Manifest,
  identity: string | undefined,
  object: string,
  manifestObject: string,
): Problem[] {
  if (!dbId || !identity || identity === dbId || identity.startsWith(`${dbId}rockset`)) return []
  const message =
    `${object} says that this is the database ${quoted(identity)}, and ${manifestObject} that it is ${quoted(dbId)}. ` +
    'Find out which of the two was put there by mistake, and bring back what was there before'
  return [{ code: 'identity', object, message }]
}

function verifyTables(manifest: Manifest, problem: MakeProblem): Problem[] {
  const found: Problem[] = []
  for (const table of manifest.liveTables.values()) {
    const report = (code: ProblemCode, message: string) =>
      found.push(problem(code, `says that table ${table.number} ${message}`, tableRange(manifest, table)))
    if (table.number >= manifest.lastNextFileNumber) {
      report(
        'fileNumber',
        `is live, and that no file from number ${manifest.lastNextFileNumber} on was written yet. ` +
          'RocksDB would write another file of that number: bring back the MANIFEST that was written last',
      )
    }
    if (table.largestSequence !== undefined && table.largestSequence > BigInt(manifest.lastSequence)) {
      report(
        'sequence',
        `has writes up to number ${table.largestSequence}, and that the last write was number ${manifest.lastSequence}. ` +
          'New writes would hide behind old ones: bring back the MANIFEST that was written last',
      )
    }
    const { oldestBlobFile } = table
    if (oldestBlobFile !== undefined && !hasBlobFile(manifest, table.columnFamily, oldestBlobFile)) {
      report(
        'corrupt',
        `has values in blob file ${oldestBlobFile}, which it says nothing of. RocksDB opens that, and fails to read ` +
          'those values: bring back the MANIFEST that was written last, or one from before',
      )
    }
    const order = internalOrder(manifest, table)
    if (order && order(table.smallest, table.largest) > 0) {
      report(
        'keyOrder',
        'ends with a smaller key than it begins with. Bring back an earlier version of the MANIFEST',
      )
    }
  }
  return found
}

/** RocksDB looks for it in the column family of the table only. */
function hasBlobFile({ liveBlobFiles }: Manifest, columnFamily: number, number: number): boolean {
  return liveBlobFiles.get(number)?.columnFamily === columnFamily
}

/** Below level 0, no two tables of a level share a key. */
function verifyLevels(manifest: Manifest, problem: MakeProblem): Problem[] {
  const levels = new Map<string, LiveTable[]>()
  for (const table of manifest.liveTables.values()) {
    if (table.level === 0) continue
    const level = `${table.columnFamily} ${table.level}`
    const tables = levels.get(level)
    if (tables) tables.push(table)
    else levels.set(level, [table])
  }
  return [...levels.values()].flatMap((tables) => {
    const order = internalOrder(manifest, tables[0]!)
    return order ? overlaps(tables, order, manifest, problem) : []
  })
}

function overlaps(
  tables: LiveTable[],
  order: InternalOrder,
  manifest: Manifest,
  problem: MakeProblem,
): Problem[] {
  const sorted = tables.sort((a, b) => order(a.smallest, b.smallest))
  const found: Problem[] = []
  let widest = sorted[0]!
  for (const table of sorted.slice(1)) {
    if (order(widest.largest, table.smallest) >= 0) {
      const message =
        `says that tables ${widest.number} and ${table.number} of level ${table.level} overlap. RocksDB refuses to open ` +
        'that, or finds only some of the keys: bring back an earlier version of the MANIFEST'
      const [first] = [widest.largest, table.largest].sort(order)
      const range = { ...tableRange(manifest, table), largest: first!.userKey }
      found.push(problem('overlap', message, range))
    }
    if (order(table.largest, widest.largest) > 0) widest = table
  }
  return found
}

type InternalOrder = (a: InternalKey, b: InternalKey) => number

/**
 * Order of RocksDB for the keys of the table's column family: by user key, then the newest first. Undefined if only the
 * author of the comparator knows it: such tables are not checked for order.
 */
function internalOrder({ columnFamilies }: Manifest, { columnFamily }: LiveTable): InternalOrder | undefined {
  const order = keyOrder(columnFamilies.get(columnFamily)?.comparator)
  if (!order) return undefined
  return (a, b) => {
    const byKey = order(a.userKey, b.userKey)
    if (byKey !== 0) return byKey
    if (a.sequence !== b.sequence) return a.sequence > b.sequence ? -1 : 1
    return b.type - a.type
  }
}
