/**
 * Values that RocksDB's parser accepts but that end the process, hang it or fill the disk: assertions, allocations and
 * threads beyond any machine. Found by trying every option of RocksDB 7.8 with hostile values;
 * test/engine/option-sweep.test.ts tries those found. Listed by the option's own name, wherever it is nested.
 */
import { bytesOf } from '../options/size.js'

interface Limit {
  readonly min: number
  readonly max: number
}

const GiB = 2 ** 30
const maxInt = 2 ** 31 - 1
/** std::thread throws if the system has no more; nobody has use for so many. */
const threads: Limit = { min: 1, max: 1024 }
/** -1: as max_background_jobs says. */
const backgroundThreads: Limit = { min: -1, max: 1024 }
/** Allocated, or reserved on disk, as a whole. */
const buffer: Limit = { min: 0, max: GiB }
/** A cache of 2^20 shards or more is none, which its user does not expect. -1: RocksDB chooses. */
const shardBits: Limit = { min: -1, max: 19 }

const limits: Readonly<Record<string, Limit>> = {
  max_background_jobs: threads,
  max_background_flushes: backgroundThreads,
  max_background_compactions: backgroundThreads,
  max_file_opening_threads: threads,
  max_subcompactions: { min: 0, max: 1024 },
  parallel_threads: { min: 1, max: 64 },
  compaction_readahead_size: buffer,
  log_readahead_size: buffer,
  manifest_preallocation_size: buffer,
  writable_file_max_buffer_size: buffer,
  arena_block_size: { min: 0, max: 16 * GiB },
  // RocksDB reserves as much, and a tenth more, on disk for each write-ahead log.
  write_buffer_size: { min: 0, max: 16 * GiB },
  table_cache_numshardbits: shardBits,
  num_shard_bits: shardBits,
  // Divisors, truncated to 32 bits.
  sample_for_compression: { min: 0, max: maxInt },
  block_restart_interval: { min: 1, max: maxInt },
  index_block_restart_interval: { min: 1, max: maxInt },
  num_levels: { min: 1, max: 1000 },
}

/** Options that RocksDB's parser accepts, but that do nothing or end the process. */
const unusable: Readonly<Record<string, string>> = {
  rate_limiter: 'it is an object of a program, which no text describes',
  rate_limiter_bytes_per_sec: 'RocksDB ends the process over it, whatever the value',
  listeners: 'they are objects of a program, which no text describes',
  table_properties_collectors: 'they are objects of a program, which no text describes',
  env: 'it is what the option "env" of RocksDB.open is for',
  fs: 'it is what the option "env" of RocksDB.open is for',
}

/** @throws RangeError */
export function checkUsable(path: string, name: string): void {
  if (Object.hasOwn(unusable, name))
    throw new RangeError(`option "${path}" can't be set: ${unusable[name]}. Leave it out`)
}

/**
 * @param text a decimal integer.
 * @throws RangeError
 */
export function checkLimit(path: string, name: string, text: string): void {
  if (!Object.hasOwn(limits, name)) return
  const { min, max } = limits[name]!
  const value = Number(text)
  if (value >= min && value <= max) return
  const range = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `from ${min} to ${max}`
  throw new RangeError(`expected option "${path}" to be ${range}, got ${text}`)
}

/** RocksDB's default. */
const defaultWriteBufferBytes = 64n * 2n ** 20n

/**
 * A memtable allocates its first block of memory at once. If that is more than the memtable may take, it is full before
 * it is used, and RocksDB ends the process.
 *
 * @param settings that apply to one column family.
 * @throws RangeError
 */
export function checkArena(settings: readonly (readonly [name: string, value: string])[]): void {
  const textOf = (wanted: string) => settings.findLast(([name]) => name === wanted)?.[1]
  const arenaBytes = bytesOf(textOf('arena_block_size') ?? '0') ?? 0n
  const bufferBytes = bytesOf(textOf('write_buffer_size') ?? '') ?? defaultWriteBufferBytes
  const minBufferBytes = 64n * 2n ** 10n
  const most = bufferBytes > minBufferBytes ? bufferBytes : minBufferBytes
  if (arenaBytes > most)
    throw new RangeError(
      `expected option "arena_block_size" to be at most "write_buffer_size" (${most}), got ${arenaBytes}`,
    )
}
