import { join } from 'node:path'
import { EnvError } from '../env/env-error.js'
import type { Files } from '../env/files.js'
import { corruption } from '../format/corruption.js'
import { maxFooterSize, readTableFooter } from '../format/table-footer.js'
import { propertiesHandle, readMetaindex } from './metaindex.js'
import type { RangedSource } from './ranged-source.js'

/**
 * Reports whether LevelDB wrote the file: its tables have no properties, and RocksDB 9.10 ends the process when it
 * compacts one. Reads 53 bytes of any other table. False for a damaged one, which its reader reports.
 */
export async function isLevelDbTable(
  files: Files,
  directory: string,
  { name, size }: { readonly name: string; readonly size: number },
): Promise<boolean> {
  const source = localSource(files, join(directory, name), size)
  try {
    const length = Math.min(size, maxFooterSize)
    const footer = await readTableFooter(await source.read(size - length, length), size, source.name)
    // RocksDB wrote this version too, long ago.
    if (footer.formatVersion > 0) return false
    return propertiesHandle(await readMetaindex(source, footer)) === undefined
  } catch (error) {
    if (EnvError.is(error, 'Corruption') || EnvError.is(error, 'NotSupported')) return false
    throw error
  }
}

function localSource(files: Files, path: string, size: number): RangedSource {
  return {
    name: path,
    size,
    async read(offset, length) {
      const file = await files.open(path, 'r')
      try {
        const bytes = Buffer.alloc(length)
        const { bytesRead } = await file.read(bytes, 0, length, offset)
        if (bytesRead < length) throw corruption(path, offset + bytesRead, 'it ends here')
        return bytes
      } finally {
        await file.close()
      }
    },
    async forget() {},
  }
}
