import { join } from 'node:path'
import { type Manifest, readManifest } from '../catalog/manifest.js'
import { EnvError } from '../env/env-error.js'
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

/** The first `size` bytes of a MANIFEST that RocksDB goes on to write. @throws EnvError IOError: it has fewer. */
export async function readStart(files: Files, path: string, size: number): Promise<Uint8Array> {
  const file = await files.open(path, 'r')
  try {
    const bytes = Buffer.alloc(size)
    const { bytesRead } = await file.read(bytes, 0, size, 0)
    if (bytesRead === size) return bytes
    throw new EnvError('IOError', `${path} has ${bytesRead} bytes, ${size} were written to it`, {
      retryable: true,
    })
  } finally {
    await file.close()
  }
}
