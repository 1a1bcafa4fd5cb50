import { readFileSync } from 'node:fs'
import { readDiskSpace } from '../cloud/disk-space.js'
import { systemFiles } from '../env/files.js'
import type { EngineOptions } from './hosted-env.js'

export interface MachineLimits {
  /** Size of the disk with the write-ahead log; undefined if the system does not say. */
  readonly diskBytes: number | undefined
  /** Descriptors that this process may have; undefined if the system does not say, or sets no limit. */
  readonly openFiles: number | undefined
}

export function readMachineLimits(root: string): MachineLimits {
  return { diskBytes: readDiskSpace(systemFiles, root)?.totalBytes, openFiles: openFilesLimit() }
}

/** Engine options for a machine on which RocksDB's defaults, and our usual ones, would not fit. */
export function optionsWithin({ diskBytes, openFiles }: MachineLimits): EngineOptions {
  return { ...optionsForDisk(diskBytes), max_open_files: maxOpenFiles(openFiles) }
}

const usualBufferBytes = 64 << 20
/**
 * Two write buffers with their logs, the tables of a flush and of a compaction: half of the disk. The cache has the
 * rest.
 */
const buffersPerDisk = 16

/** No options if the disk holds that many buffers of RocksDB's own 64 MiB. */
function optionsForDisk(diskBytes: number | undefined): EngineOptions {
  const bufferBytes = Math.max(1 << 20, Math.floor((diskBytes ?? Number.POSITIVE_INFINITY) / buffersPerDisk))
  if (bufferBytes >= usualBufferBytes) return {}
  return {
    write_buffer_size: bufferBytes,
    target_file_size_base: bufferBytes,
    // Column families have a buffer each, and one log.
    max_total_wal_size: 4 * bufferBytes,
  }
}

/** Limit with which tables are opened when first read. With -1, opening all of them would cost a request each. */
const usualOpenFiles = 5000
/** RocksDB opens up to 16 tables with the database, a fifth of this. docs/architecture.md says why. */
const minOpenFiles = 80

/** 64 for the cache, and twice as many for logs, sockets and the program. */
const otherDescriptors = 192

/** Half of the remaining descriptors: there may be a second database, and iterators hold tables open beyond this. */
function maxOpenFiles(limit: number | undefined): number {
  const tables = Math.floor(((limit ?? Number.POSITIVE_INFINITY) - otherDescriptors) / 2)
  return Math.max(minOpenFiles, Math.min(usualOpenFiles, tables))
}

/** The soft limit, which Node raises to the hard one at start. */
function openFilesLimit(): number | undefined {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))
    return limit ? Number(limit[1]) : undefined
  } catch {
    return undefined
  }
}
