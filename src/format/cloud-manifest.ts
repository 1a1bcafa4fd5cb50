import { ByteReader } from './byte-reader.js'
import { corruption } from './corruption.js'
import { type Epoch, parseEpoch } from './epoch.js'
import { encodeLog, readLog } from './log-record.js'
import { encodeVarint } from './varint.js'

/**
 * The root of a database in the store: which epoch wrote which file, and so under which name each is
 * found. Whoever replaces this object owns the database. Layout: docs/bucket-format.md.
 */
export interface CloudManifest {
  /** In ascending order of `end`. */
  readonly past: readonly PastEpoch[]
  readonly current: Epoch
}

export interface PastEpoch {
  readonly epoch: Epoch
  /** The number of the first file that this epoch did not write. */
  readonly end: number
}

const version = 1
const pastTag = 1
const currentTag = 2

/** Throws Corruption, with the offset and the reason, for anything but a whole and sound CLOUDMANIFEST. */
export function decodeCloudManifest(bytes: Uint8Array, name = 'CLOUDMANIFEST'): CloudManifest {
  let expectedRecords: number | undefined
  let records = 0
  const past: PastEpoch[] = []
  let current: Epoch | undefined

  for (const { start, payload } of readLog(bytes, { name, tail: 'strict' })) {
    const reader = new ByteReader(payload, (reason) => corruption(name, start, reason))
    if (expectedRecords === undefined) {
      expectedRecords = decodeHeader(reader)
    } else {
      records++
      const tag = reader.varint32('a tag')
      if (tag === pastTag) {
        const entry = { epoch: decodeEpoch(reader), end: reader.varint64('the end of an epoch') }
        const previous = past.at(-1)
        if (previous !== undefined && previous.end > entry.end) {
          throw reader.fail(`epochs are not in order: file ${entry.end} comes after file ${previous.end}`)
        }
        past.push(entry)
      } else if (tag === currentTag) {
        if (current) throw reader.fail('there are two current epochs')
        current = decodeEpoch(reader)
      } else {
        throw reader.fail(`unknown tag ${tag}`)
      }
    }
    if (!reader.done) throw reader.fail('a record is longer than its fields')
  }

  if (expectedRecords === undefined) throw corruption(name, 0, 'it is empty')
  if (records !== expectedRecords) {
    throw corruption(name, bytes.length, `it has ${records} of ${expectedRecords} epoch records`)
  }
  if (current === undefined) throw corruption(name, bytes.length, 'it has no current epoch')
  return { past, current }
}

function decodeHeader(reader: ByteReader): number {
  const found = reader.varint32('the version')
  if (found !== version) throw reader.fail(`version ${found} is unknown, expected ${version}`)
  return reader.varint32('the number of records')
}

function decodeEpoch(reader: ByteReader): Epoch {
  const text = reader.prefixedText('an epoch')
  const epoch = parseEpoch(text)
  if (epoch === undefined) throw reader.fail(`${JSON.stringify(text)} is not an epoch`)
  return epoch
}

export function encodeCloudManifest(manifest: CloudManifest): Uint8Array {
  return encodeLog([
    Buffer.concat([encodeVarint(version), encodeVarint(manifest.past.length + 1)]),
    ...manifest.past.map((past) =>
      Buffer.concat([encodeVarint(pastTag), encodeEpoch(past.epoch), encodeVarint(past.end)]),
    ),
    Buffer.concat([encodeVarint(currentTag), encodeEpoch(manifest.current)]),
  ])
}

function encodeEpoch(epoch: Epoch): Uint8Array {
  const text = Buffer.from(epoch)
  return Buffer.concat([encodeVarint(text.length), text])
}
