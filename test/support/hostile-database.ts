import { encodeCloudManifest } from '#src/format/cloud-manifest.js'
import { parseEpoch } from '#src/format/epoch.js'
import { objectName } from '#src/format/file-name.js'
import { encodeLog } from '#src/format/log-record.js'
import { internalKey, varint } from './raw-table.ts'
import type { TestStore } from './test-stores.ts'
import { bytes, field } from './version-edits.ts'

export interface HostileTable {
  readonly number: number
  readonly content: Uint8Array
  /** Default: that of the content. */
  readonly size?: number | bigint
}

export interface HostileOptions {
  /** Comparator of the default column family. */
  readonly comparator?: string
  /** Additional, empty column families. */
  readonly others?: readonly { readonly name: string; readonly comparator: string }[]
}

const epoch = parseEpoch('bad')!

/** Puts a database whose MANIFEST says that these tables lie on level 0, each with keys from `a` to `z`. */
export async function putHostile(
  store: TestStore,
  tables: readonly HostileTable[],
  { comparator = 'leveldb.BytewiseComparator', others = [] }: HostileOptions = {},
): Promise<void> {
  const key = (user: string, sequence: number) => {
    const internal = internalKey(user, sequence)
    return bytes(internal.length, internal)
  }
  const added = tables.map(({ number, content, size = content.length }) =>
    bytes(103, 0, number, varint(size), key('a', number), key('z', number), number, number, 1),
  )
  const edits = [
    bytes(
      field.comparator(comparator),
      field.logNumber(1),
      field.nextFileNumber(1000),
      field.lastSequence(1000),
      ...added,
    ),
    ...others.map(({ name, comparator }, at) =>
      bytes(field.columnFamily(at + 1), field.addsColumnFamily(name), field.comparator(comparator)),
    ),
  ]
  for (const { number, content } of tables) {
    await store.put(`db/${objectName({ kind: 'table', number, epoch })}`, content)
  }
  await store.put(`db/${objectName({ kind: 'manifest', epoch })}`, encodeLog(edits))
  await store.put('db/CLOUDMANIFEST', encodeCloudManifest({ past: [], current: epoch }))
}
