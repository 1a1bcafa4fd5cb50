import { unprintable } from '../../inspect/printable.js'

/**
 * One JSON document without a line break. A bigint becomes a string of its digits, a Date an ISO 8601 string in
 * UTC. Characters that a terminal would act upon are escaped as JSON does it, which is the same to programs.
 */
export function jsonLine(value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part))
  return escapedInJson(text)
}

/** JSON on one line, with all characters escaped that a terminal would act upon. */
export function escapedInJson(json: string): string {
  return json.replace(unprintable, (character) => character.split('').map(escapedUnit).join(''))
}

function escapedUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}
