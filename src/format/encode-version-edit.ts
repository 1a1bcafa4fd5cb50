import { encodeInternalKey } from './internal-key.js'
import { encodeVarint } from './varint.js'
import type { NewTable } from './version-edit.js'
import { editTag } from './version-edit-tag.js'

/** Edit that sets only the next file number; it changes nothing if the number stays the same. */
export function encodeNextFileNumberEdit(nextFileNumber: number): Uint8Array {
  return Buffer.concat([encodeVarint(editTag.nextFileNumber), encodeVarint(nextFileNumber)])
}

/** Edit that sets only the id of the database. */
export function encodeDbIdEdit(dbId: string): Uint8Array {
  const id = Buffer.from(dbId)
  return Buffer.concat([encodeVarint(editTag.dbId), encodeVarint(id.length), id])
}

/** Table with sequence numbers, which LevelDB leaves out. */
export type SequencedTable = Pick<NewTable, 'number' | 'level' | 'size' | 'smallest' | 'largest'> &
  Required<Pick<NewTable, 'smallestSequence' | 'largestSequence'>>

/** Edit that replaces the entries of tables by ones with sequence numbers. */
export function encodeSequencesEdit(tables: readonly SequencedTable[]): Uint8Array {
  const deleted = tables.map(({ number, level }) => [editTag.deletedTable, level, number].map(encodeVarint))
  const added = tables.map((table) => [
    ...[editTag.sequencedTable, table.level, table.number, table.size].map(encodeVarint),
    ...[table.smallest, table.largest].flatMap((key) => {
      const bytes = encodeInternalKey(key)
      return [encodeVarint(bytes.length), bytes]
    }),
    ...[table.smallestSequence, table.largestSequence].map((sequence) => encodeVarint(Number(sequence))),
  ])
  return Buffer.concat([...deleted, ...added].flat())
}
