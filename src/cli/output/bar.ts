const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** A bar of so many characters at most for a part of the largest value. What is not nothing can be seen. */
export function bar(value: number, largest: number, width: number): string {
  if (value <= 0 || largest <= 0) return ''
  const length = Math.max(1, Math.round((value / largest) * width * 8))
  return '█'.repeat(Math.floor(length / 8)) + eighths[length % 8]!
}
