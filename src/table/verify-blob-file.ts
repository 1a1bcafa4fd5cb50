/**
 * Reads a blob file from end to end: checks every record against its checksum, and their number against the MANIFEST.
 */

import type { LiveBlobFile } from '../catalog/manifest.js'
import { bringBack, type Problem, type ProblemCode } from '../catalog/problem.js'
import { ProblemList } from '../catalog/problem-list.js'
import { EnvError } from '../env/env-error.js'
import {
  blobFooterSize,
  blobHeaderSize,
  blobRecordHeaderSize,
  decodeBlobFooter,
  decodeBlobHeader,
  decodeBlobRecordHeader,
} from '../format/blob-file.js'
import { corruption } from '../format/corruption.js'
import { crc32c, maskCrc } from '../format/crc32c.js'
import type { RangedSource } from './ranged-source.js'
import { readTwice } from './read-twice.js'

export interface ExpectedBlobFile {
  /** Blob file as the MANIFEST has it. */
  readonly blobFile: LiveBlobFile
  /** Name of its column family. */
  readonly columnFamily: string
}

export interface BlobFileVerification {
  readonly problems: readonly Problem[]
  /** Blobs whose checksum was computed. */
  readonly blobs: number
}

/** Same limit as for a table. */
const maxProblems = 10
/** Values of any length are read in pieces of this size. At most this much of a request's last MiB is read again. */
const pieceBytes = 64 * 1024
/** The one checksum of whole files that RocksDB ships: `file_checksum_gen_factory`. */
const knownChecksum = 'FileChecksumCrc32c'
/** Meaning of damage after which the next record cannot be found. */
const notChecked = '. The records behind it were not checked'

/**
 * Verifies without decompressing: the checksums cover the stored bytes.
 * @param source of the size that the MANIFEST says.
 * @param onRead receives the number of bytes verified since the last call; together they are all.
 * @throws EnvError errors of the store; NotFound if the object is gone.
 */
export async function verifyBlobFile(
  source: RangedSource,
  expected: ExpectedBlobFile,
  onRead: (bytes: number) => void = () => {},
): Promise<BlobFileVerification> {
  const check = new BlobFileCheck(source, expected, onRead)
  await check.run()
  return check.result()
}

interface BlobRecord {
  /** Offset of the next record. */
  readonly next: number
  readonly isSound: boolean
  /** Key as it stands there, undefined if it is long. */
  readonly key: Uint8Array | undefined
}

class BlobFileCheck {
  readonly #source: RangedSource
  readonly #expected: ExpectedBlobFile
  readonly #onRead: (bytes: number) => void
  readonly #problems = new ProblemList(maxProblems)
  #blobs = 0
  /** Offset up to which the file was read. */
  #end = 0
  /** Checksum of everything read, if the MANIFEST has one to compare it with. */
  #checksum: number | undefined

  constructor(source: RangedSource, expected: ExpectedBlobFile, onRead: (bytes: number) => void) {
    this.#source = source
    this.#expected = expected
    this.#onRead = onRead
    if (expected.blobFile.checksumMethod === knownChecksum) this.#checksum = 0
  }

  async run(): Promise<void> {
    await this.#verify()
    this.#onRead(this.#source.size - this.#end)
  }

  result(): BlobFileVerification {
    const summary = (further: number) =>
      this.#problem('corrupt', `has ${further} more such problems. ${bringBack}`)
    return { problems: this.#problems.problems(summary), blobs: this.#blobs }
  }

  async #verify(): Promise<void> {
    const { name, size } = this.#source
    const footerOffset = size - blobFooterSize
    if (footerOffset < blobHeaderSize) {
      this.#reportCorruption(
        corruption(name, size, 'it ends here, without room for header and footer').message,
      )
      return
    }
    await this.#collectProblem(() => this.#readTwice(() => this.#verifyHeader()))
    const areWhole = await this.#collectProblem(() => this.#verifyRecords(footerOffset), notChecked)
    await this.#collectProblem(() => this.#readTwice(() => this.#verifyFooter(footerOffset)))
    if (!areWhole) return
    this.#verifyCount()
    if (this.#problems.isEmpty) this.#verifyChecksum()
  }

  async #verifyHeader(): Promise<void> {
    const { columnFamily } = decodeBlobHeader(await this.#read(0, blobHeaderSize), this.#source.name)
    const { blobFile } = this.#expected
    if (columnFamily === blobFile.columnFamily) return
    this.#report(
      'mismatch',
      `is of column family ${columnFamily}, and the MANIFEST has it in ${blobFile.columnFamily}. ${bringBack}`,
    )
  }

  /** @throws EnvError Corruption if a record cannot be told from the next, and nothing beyond it can be checked. */
  async #verifyRecords(end: number): Promise<true> {
    for (let at = blobHeaderSize; at < end; ) at = await this.#verifyRecord(at, end)
    return true
  }

  /** Returns the offset of the next record. */
  async #verifyRecord(at: number, end: number): Promise<number> {
    const before = this.#checksum
    let record = await this.#readTwice(() => this.#readRecord(at, end))
    if (!record.isSound) {
      await this.#source.forget()
      this.#checksum = before
      record = await this.#readRecord(at, end)
    }
    this.#blobs += 1
    if (!record.isSound) {
      const reason = 'key and value of the record here do not have its checksum'
      this.#reportCorruption(corruption(this.#source.name, at, reason).message, record.key)
    }
    return record.next
  }

  async #readRecord(at: number, end: number): Promise<BlobRecord> {
    const { name } = this.#source
    const bodyOffset = at + blobRecordHeaderSize
    if (bodyOffset > end)
      throw corruption(name, at, `no record of 32 bytes or more fits in before the footer at byte ${end}`)
    const header = decodeBlobRecordHeader(await this.#read(at, blobRecordHeaderSize), name, at)
    const { keyLength, valueLength } = header
    const next = bodyOffset + keyLength + valueLength
    if (next > end) {
      const claim = `a key of ${keyLength} and a value of ${valueLength} bytes`
      throw corruption(name, at, `the record here is said to have ${claim}, and the footer is at byte ${end}`)
    }

    let checksum = 0
    let first: Uint8Array | undefined
    for (let from = bodyOffset; from < next; from += pieceBytes) {
      const piece = await this.#read(from, Math.min(pieceBytes, next - from))
      first ??= piece
      checksum = crc32c(piece, checksum)
    }
    const key = first && keyLength <= first.length ? Uint8Array.from(first.subarray(0, keyLength)) : undefined
    return { next, isSound: maskCrc(checksum) === header.checksum, key }
  }

  async #verifyFooter(at: number): Promise<void> {
    const { name } = this.#source
    const { blobCount } = decodeBlobFooter(await this.#read(at, blobFooterSize), name, at)
    const expected = this.#expected.blobFile.blobCount
    if (blobCount === expected) return
    this.#report(
      'mismatch',
      `says that it has ${blobCount} blobs, and the MANIFEST that they are ${expected}. ${bringBack}`,
    )
  }

  #verifyCount(): void {
    const { blobCount } = this.#expected.blobFile
    if (this.#blobs === blobCount) return
    this.#report('mismatch', `has ${this.#blobs} blobs, and the MANIFEST says ${blobCount}. ${bringBack}`)
  }

  #verifyChecksum(): void {
    const { checksum } = this.#expected.blobFile
    if (this.#checksum === undefined || checksum === undefined) return
    const computed = Buffer.alloc(4)
    computed.writeUInt32BE(this.#checksum)
    if (computed.equals(checksum)) return
    this.#report('mismatch', `does not have the checksum that the MANIFEST says. ${bringBack}`)
  }

  async #read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = await this.#source.read(offset, length)
    if (this.#checksum !== undefined) this.#checksum = crc32c(bytes, this.#checksum)
    const end = offset + length
    this.#onRead(end - this.#end)
    this.#end = end
    return bytes
  }

  /** See {@link readTwice}. */
  #readTwice<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#checksum
    return readTwice(this.#source, () => {
      this.#checksum = before
      return work()
    })
  }

  /** Result of the work; undefined if it found damage, which is noted, with its meaning. */
  async #collectProblem<T>(work: () => Promise<T>, meaning = ''): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      if (EnvError.is(error, 'Corruption')) this.#reportCorruption(error.message + meaning)
      else if (EnvError.is(error, 'NotSupported'))
        this.#problems.push({ code: 'unsupported', object: this.#source.name, message: error.message })
      else throw error
      return undefined
    }
  }

  /** @param key as it stands in the damaged bytes. */
  #reportCorruption(message: string, key?: Uint8Array): void {
    const { columnFamily } = this.#expected
    this.#problems.push({
      code: 'corrupt',
      object: this.#source.name,
      message: `${message}. ${bringBack}`,
      ...(key && { range: { columnFamily, smallest: key, largest: key } }),
    })
  }

  #report(code: ProblemCode, message: string): void {
    this.#problems.push(this.#problem(code, message))
  }

  #problem(code: ProblemCode, message: string): Problem {
    const { name } = this.#source
    return { code, object: name, message: `${name} ${message}` }
  }
}
