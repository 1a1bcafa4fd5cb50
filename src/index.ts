export type { Bytes } from './binding/bytes.js'
export { RocksDBError, type RocksDBErrorCode } from './binding/rocksdb-error.js'
export type { History } from './catalog/history.js'
export type { HistoryState } from './catalog/history-states.js'
export type { RegistryEntry } from './catalog/registry.js'
export type { CloneSourceOptions, CloudEnvOptions } from './cloud/cloud-env-options.js'
export type {
  CloudEnvEvents,
  DamageRefetch,
  DatabaseCommit,
  DatabaseFence,
} from './cloud/env-events.js'
export type {
  CloudEnvMetrics,
  CommitMetrics,
  ThrottlingMetrics,
  UploadMetrics,
} from './cloud/env-metrics.js'
export type { CacheMetrics } from './cloud/file-cache.js'
export type {
  BatchOperation,
  DeleteOperation,
  DeleteRangeOperation,
  PutOperation,
} from './engine/batch.js'
export type {
  CompactRangeOptions,
  FamilyChoice,
  FlushOptions,
  GetOptions,
  GetTextOptions,
  IteratorOptions,
  OpenOptions,
  ReadOptions,
  WriteOptions,
} from './engine/call-options.js'
export type { ColumnFamily } from './engine/column-family.js'
export type { Decoded, Encoding } from './engine/encoding.js'
export type { Entry, EntryIterator } from './engine/iterator.js'
export type { KeyRange } from './engine/key-range.js'
export type { OptionValue, RocksDBOptions } from './engine/options.js'
export { RocksDB } from './engine/rocksdb.js'
export type { Snapshot } from './engine/snapshot.js'
export { DelegatingEnv } from './env/delegating-env.js'
export type * from './env/env.js'
export { EnvError, type EnvErrorCode, type EnvErrorOptions, type EnvErrorScope } from './env/env-error.js'
export { createMemoryEnv } from './env/memory-env.js'
export { createPosixEnv } from './env/posix-env.js'
export type { StateSelector } from './env/state-selector.js'
export type { WarmUpOptions, WarmUpProgress, WarmUpResult, WarmUpSelection } from './env/warm-up.js'
export {
  type EngineOptions,
  type EnvSpec,
  type HostedEnv,
  hostedEnv,
  memoryEnv,
  posixEnv,
} from './host/hosted-env.js'
export { cloudEnv, type HostedCloudEnv } from './hosted-cloud-env.js'
export {
  type Branch,
  listBranches,
  type RemovedBranch,
  type RemoveOptions,
  removeBranch,
  removeCheckpoint,
} from './operations/branches.js'
export { type CollectedGarbage, type CollectOptions, collect } from './operations/collect.js'
export { type CopyOptions, copyDatabase, type DatabaseCopy } from './operations/copy-database.js'
export { type DatabaseExport, type ExportOptions, exportDatabase } from './operations/export-database.js'
export {
  branchDatabase,
  type CloneOptions,
  checkpointDatabase,
  cloneDatabase,
  type DatabaseFork,
  type ForkOptions,
} from './operations/fork-database.js'
export { type DatabaseImport, type ImportOptions, importDatabase } from './operations/import-database.js'
export { findInRegistry, listRegistry, removeFromRegistry } from './operations/registry.js'
export type { SourceOptions } from './operations/source-options.js'
export { type Savepoint, type StandAloneOptions, standAlone } from './operations/stand-alone.js'
export type { StoredDatabase } from './operations/stored-database.js'
export type { LatencyMetrics } from './store/latency-histogram.js'
export type { StoreModule } from './store/module-store.js'
export { assertObjectKey, compareKeys, isObjectKey } from './store/object-key.js'
export {
  type ByteRange,
  type CopyOptions as ObjectCopyOptions,
  type ListOptions,
  type ObjectInfo,
  type ObjectKey,
  type ObjectStore,
  PreconditionFailed,
  type PutBody,
  type PutOptions,
  type PutResult,
  type RequestOptions,
  type StoredObject,
  Throttled,
} from './store/object-store.js'
export type { StoreOptions } from './store/registry.js'
export type { S3Connection } from './store/s3-connection.js'
export type { S3Encryption } from './store/s3-encryption.js'
export type { OperationMetrics, StoreCounts } from './store/store-metrics.js'
export type { RequestOutcome, StoreOperation, StoreRequest } from './store/store-request.js'
export type { UnfinishedUpload, UnfinishedUploads, UploadName } from './store/unfinished-uploads.js'
