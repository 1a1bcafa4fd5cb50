/**
 * Reports about databases in buckets, for programs: `rocksdb-cloud-env/inspect`. Nothing here writes to a store, and nothing
 * prints. The shapes are those of the command line with `--json`, see docs/cli.
 */

export { type DatabasePlace, databaseUrl, type Places } from '../catalog/database-place.js'
export {
  type Elsewhere,
  type FindOptions,
  type FoundDatabase,
  findDatabases,
} from '../catalog/find-databases.js'
export type { Garbage, GarbageReason } from '../catalog/garbage.js'
export { type History, type ReadHistoryOptions, readHistory } from '../catalog/history.js'
export type { HistoryState } from '../catalog/history-states.js'
export { identityProblems } from '../catalog/identity.js'
export { openPlaces } from '../catalog/open-places.js'
export type { Problem, ProblemCode } from '../catalog/problem.js'
export {
  type ReadEditsResult,
  type ReadManifests,
  readEdits,
  readManifests,
} from '../catalog/read-manifests.js'
export type { StateChange } from '../catalog/state-changes.js'
export {
  type ObjectRole,
  type Survey,
  type SurveyedObject,
  type SurveyedState,
  type SurveyOptions,
  surveyDatabase,
} from '../catalog/survey.js'
export type { PlacedEdit } from '../catalog/version-edits.js'
export { countEntries, type EntryCounts } from './count-entries.js'
export { type ColumnFamilyInfo, type DatabaseInfo, databaseInfo, type LevelInfo } from './database-info.js'
export { type DatabaseList, type ListedDatabase, type ListedState, listedDatabases } from './database-list.js'
export { type DatabaseDiskUsage, type DiskUsage, diskUsage } from './disk-usage-report.js'
export { type GarbageObject, type GarbageReport, garbageReport } from './garbage-report.js'
export {
  type HistoryReport,
  historyReport,
  type PastStateChange,
  type PastStateInfo,
} from './history-report.js'
export type { JsonBytes } from './json-bytes.js'
export { type LsmLevel, type LsmTree, lsmTrees } from './lsm-tree.js'
export {
  type CloudManifestJson,
  cloudManifestJson,
  type EditJson,
  editJson,
  type ManifestJson,
  type ManifestStateJson,
  newTablesJson,
  stateJson,
} from './manifest-json.js'
export { type JsonProblem, jsonProblem } from './problem-json.js'
export {
  entryJson,
  footerJson,
  propertiesJson,
  type SstBlocksJson,
  type SstEntryJson,
  type SstIndexJson,
  type SstJson,
} from './sst-json.js'
export { flatPrice, listPrice, type StoragePrice } from './storage-price.js'
export { type TableInfo, type TableList, tableInfos } from './table-info.js'
export { type ListedTable, listTables, sortTables, type TableFilter, type TableOrder } from './table-list.js'
export { surveyUploads, type UploadUsage } from './unfinished-uploads.js'
export type { JsonUploads } from './uploads-json.js'
export type { Usage } from './usage.js'
export { type Verification, type VerifyOptions, verifyDatabase } from './verify.js'
export { type VerifyJson, verifyJson } from './verify-json.js'
