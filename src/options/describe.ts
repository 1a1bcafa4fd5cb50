/** Short form of a value for an error message. */
export function describe(value: unknown): string {
  if (typeof value !== 'string') return describeKind(value)
  return JSON.stringify(value.length > maxShownLength ? `${value.slice(0, maxShownLength)}…` : value)
}

/** The same for a value that may be a secret: shows no character of a string. */
export function describeKind(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object') return 'an object'
  if (typeof value === 'function') return 'a function'
  return typeof value === 'string' ? 'a string' : String(value)
}

const maxShownLength = 200
