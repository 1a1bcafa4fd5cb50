import { ByteReader } from './byte-reader.js'
import { corruption } from './corruption.js'
import { type Epoch, parseEpoch } from './epoch.js'
import { objectName } from './file-name.js'
import { encodeLog, readLog } from './log-record.js'
import { encodeVarint } from './varint.js'

/**
 * Root of a database in the store: it says which epoch wrote which file, and so under which name each file lies.
 * Replacing this object takes ownership of the database. Layout: docs/bucket-format.md.
 */
export interface CloudManifest {
  /** In ascending order of `end`. */
  readonly past: readonly PastEpoch[]
  readonly current: Epoch
}

export interface PastEpoch {
  readonly epoch: Epoch
  /** Number of the first file that this epoch did not write. */
  readonly end: number
}

/** Name of the MANIFEST that the CLOUDMANIFEST leads to. */
export function manifestObjectName({ current }: CloudManifest): string {
  return objectName({ kind: 'manifest', epoch: current })
}

const version = 1
const pastTag = 1
const currentTag = 2

/** A record of a CLOUDMANIFEST, and the offsets at which it begins and ends. */
export type CloudManifestRecord = { readonly start: number; readonly end: number } & (
  | { readonly kind: 'header'; readonly version: number; readonly records: number }
  | ({ readonly kind: 'past' } & { readonly value: PastEpoch })
  | { readonly kind: 'current'; readonly value: Epoch }
)

/** Records in order, each sound in itself. Throws as {@link decodeCloudManifest} does. */
export function* readCloudManifest(bytes: Uint8Array, name: string): Generator<CloudManifestRecord> {
  let isFirst = true
  for (const { start, end, payload } of readLog(bytes, { name, tail: 'strict' })) {
    const reader = new ByteReader(payload, (reason) => corruption(name, start, reason))
    const record = isFirst ? decodeHeader(reader) : decodeRecord(reader)
    isFirst = false
    if (!reader.done) throw reader.fail('a record is longer than its fields')
    yield { start, end, ...record }
  }
}

/** Throws Corruption, with the offset and the reason, for anything but a whole and sound CLOUDMANIFEST. */
export function decodeCloudManifest(bytes: Uint8Array, name = 'CLOUDMANIFEST'): CloudManifest {
  let expectedRecords: number | undefined
  let records = -1
  const past: PastEpoch[] = []
  let current: Epoch | undefined

  for (const record of readCloudManifest(bytes, name)) {
    records++
    switch (record.kind) {
      case 'header':
        expectedRecords = record.records
        break
      case 'past': {
        const { value, start } = record
        const previous = past.at(-1)
        if (previous !== undefined && previous.end > value.end) {
          const reason = `epochs are not in order: file ${value.end} comes after file ${previous.end}`
          throw corruption(name, start, reason)
        }
        past.push(value)
        break
      }
      case 'current':
        if (current) throw corruption(name, record.start, 'there are two current epochs')
        current = record.value
    }
  }

  if (expectedRecords === undefined) throw corruption(name, 0, 'it is empty')
  if (records !== expectedRecords) {
    throw corruption(name, bytes.length, `it has ${records} of ${expectedRecords} epoch records`)
  }
  if (current === undefined) throw corruption(name, bytes.length, 'it has no current epoch')
  return { past, current }
}

function decodeRecord(reader: ByteReader) {
  const tag = reader.varint32('a tag')
  if (tag === pastTag) {
    const value = { epoch: decodeEpoch(reader), end: reader.varint64('the end of an epoch') }
    return { kind: 'past', value } as const
  }
  if (tag === currentTag) return { kind: 'current', value: decodeEpoch(reader) } as const
  throw reader.fail(`unknown tag ${tag}`)
}

function decodeHeader(reader: ByteReader) {
  const found = reader.varint32('the version')
  if (found !== version) throw reader.fail(`version ${found} is unknown, expected ${version}`)
  return { kind: 'header', version, records: reader.varint32('the number of records') } as const
}

/** Keeps errors readable, whatever a bucket holds. */
const maxShownLength = 40

function decodeEpoch(reader: ByteReader): Epoch {
  const text = reader.prefixedText('an epoch')
  const epoch = parseEpoch(text)
  if (epoch === undefined) {
    const start = text.slice(0, maxShownLength)
    throw reader.fail(`${JSON.stringify(start)}${start === text ? '' : '…'} is not an epoch`)
  }
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
