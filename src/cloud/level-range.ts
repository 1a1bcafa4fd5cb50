/** Levels of a database from `first` to `last`, both included. */
export interface LevelRange {
  readonly first: number
  readonly last: number
}

/** Highest level that RocksDB's `num_levels` allows for. */
const maxLevel = 255

/** Reads `L0` or `L0-L2`; undefined if it is neither. */
export function readLevelRange(text: string): LevelRange | undefined {
  const match = /^L(\d{1,3})(?:-L(\d{1,3}))?$/.exec(text)
  if (!match) return undefined
  const first = Number(match[1])
  const last = Number(match[2] ?? first)
  return first <= last && last <= maxLevel ? { first, last } : undefined
}
