import { EnvError } from '../env/env-error.js'
import { mapLimited } from './map-limited.js'
import { bringBack } from './problem.js'
import type { RangedSource } from './ranged-source.js'
import { readFooter, TableReader, tailBytes } from './table-reader.js'

/** As RocksDB fetches of the first table that it opens. */
const firstTailBytes = 512 * 1024
/** Index and filter of a table of several hundred MB. */
const maxTailBytes = 2 * 1024 * 1024
const concurrentTables = 8

/**
 * Opens tables as RocksDB opens them, and reads the same of them: of the first more of its end than it may need, of the
 * others as much as the first one needed.
 * @throws EnvError Corruption: what is wrong with one of them, and what to do; NotSupported: RocksDB does not know its
 *   format either; what the store fails with.
 */
export async function checkOpenable(tables: readonly RangedSource[]): Promise<void> {
  const [first, ...others] = tables
  if (first === undefined) return
  const frameBytes = (await checkTable(first, firstTailBytes)) ?? 0
  const fetchedBytes = Math.min(Math.max(frameBytes, tailBytes), maxTailBytes)
  await mapLimited(others, concurrentTables, (table) => checkTable(table, fetchedBytes))
}

/** @returns how many bytes at its end are no data. */
async function checkTable(source: RangedSource, fetchedBytes: number): Promise<number | undefined> {
  const length = Math.min(fetchedBytes, source.size)
  await source.read(source.size - length, length)
  try {
    await readFooter(source)
    return await frameBytesOf(source)
  } catch (error) {
    // Whether it is there, and has the size that it should have, the first read has told.
    if (EnvError.is(error, 'Corruption')) throw new EnvError(error.code, `${error.message}. ${bringBack}`)
    throw error
  }
}

/** Undefined where something in it is compressed, or large, in a way that only RocksDB may know how to read. */
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
