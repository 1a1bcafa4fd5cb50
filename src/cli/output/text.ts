const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** `17 B`, `4.2 KiB`, `213 MiB`: three digits at most. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  // A value that would round up to 1024 belongs to the next unit.
  while (value >= 1023.5 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 || value >= 99.95 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`
}

/** `1,234`. */
export function formatCount(count: number | bigint): string {
  return count.toLocaleString('en')
}

/** `1 table`, `2 tables`. */
export function counted(count: number, thing: string): string {
  return `${formatCount(count)} ${thing}${count === 1 ? '' : 's'}`
}

const spans = [
  ['y', 365 * 86_400],
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const

/** Age of a date: `3 h`, `12 d`. */
export function formatAge(date: Date, now = Date.now()): string {
  const seconds = Math.max(0, Math.floor((now - date.getTime()) / 1000))
  return formatSeconds(seconds)
}

/** `3 h`, `12 d`: the largest unit that fits, rounded down. */
export function formatSeconds(seconds: number): string {
  const [unit, length] = spans.find(([, span]) => seconds >= span) ?? (['s', 1] as const)
  return `${Math.floor(seconds / length)} ${unit}`
}

/** `$1,234.50`; amounts below a cent are shown as such. */
export function formatUsd(usd: number): string {
  if (usd > 0 && usd < 0.01) return '< $0.01'
  return `$${usd.toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`
}
