import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { objectUrl } from '../catalog/database-place.js'
import type { StateWithFiles } from '../catalog/database-view.js'
import type { StoredFile } from '../catalog/stored-file.js'
import { inheritedManifest } from '../cloud/local-database.js'
import { makeDirectory, replaceDurably, syncDirectory, writeSynced } from '../env/durable-file.js'
import { EnvError } from '../env/env-error.js'
import { readText, systemFiles } from '../env/files.js'
import { type CloudManifest, decodeCloudManifest, encodeCloudManifest } from '../format/cloud-manifest.js'
import { epochOf } from '../format/epoch.js'
import { objectName, parseFileName } from '../format/file-name.js'
import { type DownloadOptions, download } from './download.js'
import { OccupiedError } from './occupied-error.js'
import type { LocalFileVerifier } from './verify-local-file.js'

/** Mark of a directory that is not whole yet. RocksDB ignores the name. */
export const exportMarkName = 'CLOUDENV-EXPORT'
const draftSuffix = '.part'

/** Content of the mark. */
interface Mark {
  /** URL of the state that is exported. */
  readonly from: string
  /** CLOUDMANIFEST by which the files got their names, in base64: a number stands for another file in another epoch. */
  readonly cloudManifest: string
}

/**
 * A directory that becomes a plain database of RocksDB. A file that is whole and verified has its name, any other ends in
 * `.part`; CURRENT, without which RocksDB finds no database, comes last.
 */
export class ExportDirectory {
  /** True if a database is there already, and only the mark was left of an earlier attempt. */
  readonly isWhole: boolean
  readonly #path: string
  readonly #from: string
  /** CLOUDMANIFEST by which the files that are there got their names. */
  #cloudManifest: CloudManifest | undefined
  /** Names of the files of the state that are there. */
  readonly #present = new Set<string>()

  private constructor(path: string, from: string, mark: Mark | undefined, isWhole: boolean) {
    this.#path = path
    this.#from = from
    this.#cloudManifest = mark && decodeCloudManifest(Buffer.from(mark.cloudManifest, 'base64'))
    this.isWhole = isWhole
  }

  /**
   * Takes the directory, or creates it.
   * @throws OccupiedError: something else is in it.
   */
  static async begin(path: string, from: string): Promise<ExportDirectory> {
    await makeDirectory(systemFiles, path)
    const names = await systemFiles.readdir(path)
    const mark = await readMark(join(path, exportMarkName))
    const [first] = names.filter((name) => name !== `${exportMarkName}.tmp`)
    if (!mark && first !== undefined)
      throw new OccupiedError(`${path} is not empty, ${first} is there. Choose another directory`)
    if (mark && mark.from !== from) {
      const message = `${path} holds the part of ${mark.from} that was exported before its export was interrupted`
      throw new OccupiedError(`${message}. Repeat that export, remove the directory, or choose another one`)
    }
    const directory = new ExportDirectory(path, from, mark, names.includes('CURRENT'))
    if (directory.isWhole) await directory.#clear()
    return directory
  }

  /** Keeps the files of this state that are there, and removes those of any other. */
  async prepare({ cloudManifest, files }: StateWithFiles): Promise<void> {
    this.#present.clear()
    for (const name of await systemFiles.readdir(this.#path)) {
      const parsed = parseFileName(name)
      if (!this.#cloudManifest || (parsed.kind !== 'table' && parsed.kind !== 'blob')) continue
      const { kind, number } = parsed
      const found = objectName({ kind, number, epoch: epochOf(this.#cloudManifest, number) })
      if (files.get(name)?.objectName === found) this.#present.add(name)
      else await systemFiles.rm(join(this.#path, name))
    }
    await writeMark(join(this.#path, exportMarkName), this.#from, cloudManifest)
    await syncDirectory(systemFiles, this.#path)
    this.#cloudManifest = cloudManifest
  }

  /**
   * Brings a file of the prepared state here, unless it is there.
   * @param verify of the draft; undefined to trust what arrives.
   * @returns whether it was brought.
   */
  async fetch(
    name: string,
    file: StoredFile,
    { verify, ...options }: DownloadOptions & { readonly verify: LocalFileVerifier | undefined },
  ): Promise<boolean> {
    if (this.#present.has(name)) return false
    const draft = `${name}${draftSuffix}`
    try {
      await this.#download(draft, file, options)
      await verify?.verify(name, { name: draft, size: file.size })
    } catch (error) {
      if (!EnvError.is(error, 'Corruption')) throw error
      // The answer may have been bad, and the object sound.
      await this.#download(draft, file, options)
      await verify?.verify(name, { name: draft, size: file.size }).catch((again: Error) => {
        const message = `${objectUrl(file.place, file.objectName)} was fetched twice, and is damaged: ${again.message}`
        throw new EnvError('Corruption', message, { cause: again })
      })
    }
    await systemFiles.rename(join(this.#path, draft), join(this.#path, name))
    this.#present.add(name)
    return true
  }

  /** Makes it a database, once all files of the state are there. */
  async complete({ manifest, manifestBytes }: StateWithFiles, identity: string | undefined): Promise<void> {
    const path = (name: string) => join(this.#path, name)
    await writeSynced(systemFiles, path(inheritedManifest), manifestBytes.subarray(0, manifest.length), 'w')
    if (identity !== undefined) await writeSynced(systemFiles, path('IDENTITY'), identity, 'w')
    await syncDirectory(systemFiles, this.#path)
    await replaceDurably(systemFiles, path('CURRENT'), `${inheritedManifest}\n`)
    await syncDirectory(systemFiles, this.#path)
    await this.#clear()
  }

  async #download(draft: string, file: StoredFile, options: DownloadOptions): Promise<void> {
    const handle = await open(join(this.#path, draft), 'w')
    try {
      await download(file, handle, options)
      await handle.sync()
    } finally {
      await handle.close()
    }
  }

  /** Removes drafts, then the mark. */
  async #clear(): Promise<void> {
    const names = await systemFiles.readdir(this.#path)
    for (const name of names.filter((name) => name.endsWith(draftSuffix) || name.endsWith('.tmp')))
      await systemFiles.rm(join(this.#path, name))
    await systemFiles.rm(join(this.#path, exportMarkName), { force: true })
    await syncDirectory(systemFiles, this.#path)
  }
}

async function writeMark(path: string, from: string, cloudManifest: CloudManifest): Promise<void> {
  const mark: Mark = {
    from,
    cloudManifest: Buffer.from(encodeCloudManifest(cloudManifest)).toString('base64'),
  }
  await replaceDurably(systemFiles, path, `${JSON.stringify(mark)}\n`)
}

async function readMark(path: string): Promise<Mark | undefined> {
  const text = await readText(systemFiles, path)
  if (text === undefined) return undefined
  try {
    const { from, cloudManifest } = JSON.parse(text) as Mark
    if (typeof from === 'string' && typeof cloudManifest === 'string') return { from, cloudManifest }
  } catch {
    // Reported below.
  }
  throw new EnvError(
    'Corruption',
    `${path} is damaged, and should say what was being exported. Remove the directory`,
  )
}
