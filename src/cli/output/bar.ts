const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** A bar of at most `width` characters for a share of the largest value. Any value above zero is visible. */
export function bar(value: number, largest: number, width: number): string {
  if (value <= 0 || largest <= 0) return ''
  const length = Math.max(1, Math.round((value / largest) * width * 8))
  return '█'.repeat(Math.floor(length / 8)) + eighths[length % 8]!
}
