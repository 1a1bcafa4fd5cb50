export type { CloudEnvMetrics } from './cloud/cloud-env.js'
export type { CloudEnvOptions } from './cloud/cloud-env-options.js'
export type {
  BatchOperation,
  DeleteOperation,
  DeleteRangeOperation,
  PutOperation,
} from './engine/batch.js'
export type { Bytes } from './engine/bytes.js'
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
export { RocksDBError, type RocksDBErrorCode } from './engine/rocksdb-error.js'
export type { Snapshot } from './engine/snapshot.js'
export type * from './env/env.js'
export { EnvError, type EnvErrorCode, type EnvErrorOptions, type EnvErrorScope } from './env/env-error.js'
export { cloudEnv, type HostedCloudEnv } from './host/hosted-cloud-env.js'
export {
  type EngineOptions,
  type EnvSpec,
  type HostedEnv,
  hostedEnv,
  memoryEnv,
  posixEnv,
} from './host/hosted-env.js'
export type { S3Connection } from './store/s3-client.js'
export type { S3Encryption } from './store/s3-encryption.js'
