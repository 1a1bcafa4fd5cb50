/** Epoch as people read it; files of a plain RocksDB have an empty one. */
export function epochText(epoch: string): string {
  return epoch === '' ? '(none)' : epoch
}
