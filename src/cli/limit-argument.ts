import { UsageError } from './usage-error.js'

/** Parses the value of `--limit`. @throws UsageError */
export function parseLimit(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new UsageError(`expected --limit to be a whole number, 0 or more, got ${JSON.stringify(text)}`)
}
