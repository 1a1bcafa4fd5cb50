import type { DatabasePlace } from '../catalog/database-place.js'
import { familyName } from '../catalog/family-name.js'
import type { Manifest } from '../catalog/manifest.js'
import type { Problem } from '../catalog/problem.js'
import { tableRange } from '../catalog/table-range.js'
import { EnvError } from '../env/env-error.js'
import { blobFileSize } from '../format/blob-file-size.js'
import { blobFileName, parseFileName } from '../format/file-name.js'
import { DirectoryStore } from '../store/directory-store.js'
import { BlobTarget } from '../table/blob-target.js'
import { type RangedSource, rangedObject } from '../table/ranged-source.js'
import { verifyBlobFile } from '../table/verify-blob-file.js'
import { verifyTable } from '../table/verify-table.js'

/** Checks table and blob files of a plain database directory against its MANIFEST, and their own checksums. */
export class LocalFileVerifier {
  readonly #place: DatabasePlace
  readonly #manifest: Manifest
  readonly #blobFiles = new Map<number, BlobTarget>()

  /** @param directory that has the blob files under their own names. */
  constructor(directory: string, manifest: Manifest) {
    this.#place = { store: new DirectoryStore({ directory }), path: '' }
    this.#manifest = manifest
  }

  /**
   * Reads the file from end to end.
   * @param name as RocksDB knows it (`000012.sst`).
   * @param file its present name in the directory, and its size.
   * @throws EnvError Corruption: the first thing that is wrong with it.
   */
  async verify(name: string, file: { readonly name: string; readonly size: number }): Promise<void> {
    const parsed = parseFileName(name)
    if (parsed.kind !== 'table' && parsed.kind !== 'blob')
      throw new Error(`${name} is neither table nor blob file`)
    const source = rangedObject(this.#place, file.name, file.size)
    const problems = await this.#problems(parsed.kind, parsed.number, source)
    const [first] = problems
    if (first) throw new EnvError('Corruption', first.message)
  }

  async #problems(kind: 'table' | 'blob', number: number, source: RangedSource): Promise<readonly Problem[]> {
    const { liveTables, liveBlobFiles, columnFamilies } = this.#manifest
    if (kind === 'blob') {
      const blobFile = liveBlobFiles.get(number)!
      const columnFamily = familyName(this.#manifest, blobFile.columnFamily)
      return (await verifyBlobFile(source, { blobFile, columnFamily })).problems
    }
    const table = liveTables.get(number)!
    const { comparator } = columnFamilies.get(table.columnFamily) ?? {}
    const expected = {
      table,
      range: tableRange(this.#manifest, table),
      comparator,
      nameOf: () => undefined,
      blobFile: (blob: number) => this.#blobFile(blob),
    }
    return (await verifyTable(source, expected)).problems
  }

  #blobFile(number: number): BlobTarget | undefined {
    const blobFile = this.#manifest.liveBlobFiles.get(number)
    if (!blobFile) return undefined
    const known = this.#blobFiles.get(number)
    if (known) return known
    const target = new BlobTarget({
      place: this.#place,
      objectName: blobFileName(number),
      size: blobFileSize(blobFile),
      modified: new Date(0),
    })
    this.#blobFiles.set(number, target)
    return target
  }
}
