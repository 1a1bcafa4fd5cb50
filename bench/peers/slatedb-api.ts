/** The part of SlateDB's Node package that this benchmark uses. It is not installed where this is compiled. */
import { importPeer } from '../installed.js'

export interface SlateDB {
  readonly DbBuilder: new (path: string, store: Disposable) => Builder
  readonly ObjectStore: { resolve(url: string): Disposable }
  readonly Settings: { default(): Settings }
  readonly WriteBatch: new () => Batch
}

export interface Disposable {
  dispose(): void
}

export interface Settings extends Disposable {
  set(key: string, json: string): void
}

export interface Batch {
  put(key: Uint8Array, value: Uint8Array): void
}

export interface Builder extends Disposable {
  with_settings(settings: Settings): void
  with_sst_block_size(size: 'Block4Kib'): void
  build(): Promise<Db>
}

export interface WriteOptions {
  readonly await_durable: boolean
}

export interface ScanOptions {
  readonly durability_filter: 'Memory' | 'Remote'
  readonly dirty: boolean
  readonly read_ahead_bytes: number
  readonly cache_blocks: boolean
  readonly max_fetch_tasks: number
  readonly order: undefined
}

export interface Range {
  readonly start: Uint8Array
  readonly start_inclusive: boolean
  readonly end: undefined
  readonly end_inclusive: boolean
}

export interface Db extends Disposable {
  put_with_options(
    key: Uint8Array,
    value: Uint8Array,
    put: { readonly ttl: { readonly tag: 'Default' } },
    write: WriteOptions,
  ): Promise<unknown>
  write_with_options(batch: Batch, options: WriteOptions): Promise<unknown>
  flush_with_options(options: { readonly flush_type: 'MemTable' | 'Wal' }): Promise<void>
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  scan_with_options(range: Range, options: ScanOptions): Promise<Iterator>
  shutdown(): Promise<void>
}

export interface Iterator extends Disposable {
  next(): Promise<object | undefined>
}

export async function loadSlateDB(): Promise<SlateDB> {
  return (await importPeer('@slatedb/uniffi/index.js')) as SlateDB
}
