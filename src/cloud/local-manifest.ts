import { join } from 'node:path'
import { type Manifest, readManifest } from '../catalog/manifest.js'
import type { Files } from '../env/files.js'

/** RocksDB may replace the MANIFEST by another between a look at CURRENT and one at the MANIFEST that it names. */
const maxLooks = 3

/** State of a database that is open for writing in `directory`. Its last edit may be on its way to the disk. */
export async function readLocalManifest(files: Files, directory: string): Promise<Manifest> {
  for (let look = 1; ; look++) {
    const current = Buffer.from(await files.readFile(join(directory, 'CURRENT')))
    const path = join(directory, current.toString().trimEnd())
    try {
      return readManifest(await files.readFile(path), { name: path })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || look === maxLooks) throw error
    }
  }
}
