/** The epoch as people read it; what plain RocksDB wrote has an empty one. */
export function epochText(epoch: string): string {
  return epoch === '' ? '(none)' : epoch
}
