/** A size as fio writes it. */
export function sizeName(bytes: number): string {
  return bytes < 1 << 20 ? `${bytes >> 10}k` : `${bytes >> 20}M`
}
