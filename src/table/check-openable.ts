import { mapLimited } from '../catalog/map-limited.js'
import { bringBack } from '../catalog/problem.js'
import { EnvError } from '../env/env-error.js'
import { readFooter, tailBytes } from './metaindex.js'
import type { RangedSource } from './ranged-source.js'
import { readTwice } from './read-twice.js'
import { TableReader } from './table-reader.js'

/** Same size as RocksDB's fetch from the first table that it opens. */
const firstTailBytes = 512 * 1024
/** Index and filter of a table of several hundred MB. */
const maxTailBytes = 2 * 1024 * 1024
const concurrentTables = 8

/**
 * Opens tables as RocksDB does, and reads the same parts of them: of the first one more of its end than it may need, of
 * the others as much as the first one needed.
 * @throws EnvError Corruption: the problem of one of them, and its remedy; NotSupported: RocksDB does not know its
 * format either; and errors of the store.
 */
export async function checkOpenable(tables: readonly RangedSource[]): Promise<void> {
  const [first, ...others] = tables
  if (first === undefined) return
  const frameBytes = (await checkTable(first, firstTailBytes)) ?? 0
  const fetchedBytes = Math.min(Math.max(frameBytes, tailBytes), maxTailBytes)
  await mapLimited(others, concurrentTables, (table) => checkTable(table, fetchedBytes))
}

/** @returns the number of bytes at its end that are not data. */
async function checkTable(source: RangedSource, fetchedBytes: number): Promise<number | undefined> {
  const length = Math.min(fetchedBytes, source.size)
  await source.read(source.size - length, length)
  try {
    await readTwice(source, () => readFooter(source))
    return await frameBytesOf(source)
  } catch (error) {
    // The first read has shown that it exists and has the right size.
    if (EnvError.is(error, 'Corruption')) throw new EnvError(error.code, `${error.message}. ${bringBack}`)
    throw error
  }
}

/** Undefined if a part is compressed, or large, in a way that only RocksDB may know how to read. */
async function frameBytesOf(source: RangedSource): Promise<number | undefined> {
  try {
    const reader = await TableReader.open(source)
    await reader.readFrame()
    return source.size - reader.frameOffset
  } catch (error) {
    if (!EnvError.is(error, 'NotSupported')) throw error
    return undefined
  }
}
