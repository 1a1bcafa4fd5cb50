import { type DatabasePlace, databaseUrl } from '../catalog/database-place.js'
import type { Elsewhere, FoundDatabase } from '../catalog/find-databases.js'
import { mapLimited } from '../catalog/map-limited.js'
import { surveyDatabase } from '../catalog/survey.js'
import { EnvError } from '../env/env-error.js'
import type { Epoch } from '../format/epoch.js'
import { type DatabaseUsage, usageOfDatabase, usageOfUnknown } from './disk-usage.js'
import { type JsonProblem, jsonProblem } from './problem-json.js'
import { monthlyCost, type StoragePrice } from './storage-price.js'
import type { UploadUsage } from './unfinished-uploads.js'
import { type JsonUploads, jsonUploads } from './uploads-json.js'
import { plus, type Usage } from './usage.js'

/** Output of `cloudenv du --json`. */
export interface DiskUsage {
  readonly url: string
  /** Databases in the order of their paths. */
  readonly databases: readonly DatabaseDiskUsage[]
  /** Objects below the URL that belong to no database. */
  readonly elsewhere: Usage
  readonly total: Usage
  /**
   * Uploads of objects at or below the URL. Not in `total`, because they hold no object yet; their parts cost as much.
   */
  readonly unfinishedUploads: JsonUploads
  /** Cost of all of `total`, at this price: storage and nothing else. */
  readonly monthlyUsd: number
  readonly price: StoragePriceJson
}

export interface StoragePriceJson {
  readonly name: string
  /** Price of a GB-month up to this many bytes in all; null: without a limit. */
  readonly tiers: readonly { readonly upToBytes: number | null; readonly usdPerGbMonth: number }[]
}

/** Objects directly at a database's own place: for a clone, without those at its source. */
export interface DatabaseDiskUsage {
  /** Path below the requested URL; empty if the database lies directly there. */
  readonly path: string
  readonly url: string
  readonly total: Usage
  readonly live: Usage
  readonly garbage: Usage
  /** Objects that an unreadable state may need. */
  readonly undecided: Usage
  /** Objects that mean nothing here. */
  readonly foreign: Usage
  /** Live tables and blob files; one that several states share counts once. */
  readonly byLevel: readonly LevelDiskUsage[]
  /** The part of `live` in CLOUDMANIFESTs, the MANIFESTs that they name, and IDENTITY. */
  readonly metadata: Usage
  /** Objects with an epoch in their names, live or not, oldest epoch first. */
  readonly byEpoch: readonly EpochDiskUsage[]
  /** Its part of the cost of everything below the URL. */
  readonly monthlyUsd: number
  /** Problems of all states. For a clone, without missing objects, which may lie at its source. */
  readonly problems: readonly JsonProblem[]
}

export interface LevelDiskUsage extends Usage {
  readonly columnFamily: string
  /** Null for blob files, which have none. */
  readonly level: number | null
}

export interface EpochDiskUsage extends Usage {
  readonly epoch: Epoch
  readonly live: Usage
  readonly garbage: Usage
}

/** Each database may have 500,000 files, and take a gigabyte for them: see src/catalog/read-state.ts. */
const concurrentDatabases = 2

/**
 * Usage below a place, and its cost.
 * @param found the databases there, and the objects in none of them.
 * @param onDatabase called after each.
 */
export async function diskUsage(
  place: DatabasePlace,
  found: { readonly databases: readonly FoundDatabase[]; readonly elsewhere: Elsewhere },
  {
    price,
    uploads,
    onDatabase,
  }: { readonly price: StoragePrice; readonly uploads: UploadUsage; readonly onDatabase?: () => void },
): Promise<DiskUsage> {
  const usages = await mapLimited(found.databases, concurrentDatabases, async (database) => {
    const usage = await surveyedUsage(database)
    onDatabase?.()
    return usage
  })
  const total = usages.reduce((sum, { usage }) => plus(sum, usage.total), found.elsewhere)
  const monthlyUsd = monthlyCost(total.bytes, price)
  const share = (bytes: number) => (total.bytes === 0 ? 0 : (bytes / total.bytes) * monthlyUsd)
  return {
    url: databaseUrl(place),
    databases: usages.map(({ database, usage }) => ({
      path: database.path,
      url: databaseUrl(database.place),
      ...usage,
      byLevel: usage.byLevel.map((level) => ({ ...level, level: level.level ?? null })),
      monthlyUsd: share(usage.total.bytes),
      problems: usage.problems.map(jsonProblem),
    })),
    elsewhere: found.elsewhere,
    total,
    unfinishedUploads: jsonUploads(uploads),
    monthlyUsd,
    price: {
      name: price.name,
      tiers: price.tiers.map(({ upToBytes, usdPerGbMonth }) => ({
        upToBytes: Number.isFinite(upToBytes) ? upToBytes : null,
        usdPerGbMonth,
      })),
    },
  }
}

async function surveyedUsage(
  database: FoundDatabase,
): Promise<{ readonly database: FoundDatabase; readonly usage: DatabaseUsage }> {
  try {
    return { database, usage: usageOfDatabase(await surveyDatabase([database.place])) }
  } catch (error) {
    // The database has too many objects to look at. That is no reason to hide the others.
    if (!EnvError.is(error, 'NotSupported')) throw error
    const problem = {
      code: 'unsupported',
      object: databaseUrl(database.place),
      message: error.message,
    } as const
    return { database, usage: usageOfUnknown(database, problem) }
  }
}
