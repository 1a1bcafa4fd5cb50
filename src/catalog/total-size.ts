/** Bytes of all of them. */
export function totalSize(items: Iterable<{ readonly size: number }>): number {
  let bytes = 0
  for (const { size } of items) bytes += size
  return bytes
}
