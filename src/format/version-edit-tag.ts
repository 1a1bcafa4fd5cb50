/** If a tag with this bit is unknown, its field has a length prefix and is skipped. */
export const ignorableTagBit = 1 << 13

/** Tags of fields that are read and written: `enum Tag` in RocksDB's db/version_edit.h. */
export const editTag = {
  nextFileNumber: 3,
  deletedTable: 6,
  sequencedTable: 100,
  dbId: ignorableTagBit + 1,
} as const
