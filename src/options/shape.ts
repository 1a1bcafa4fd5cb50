/**
 * Checks of values from outside: options of calls, and options within options. An unknown property is refused, because
 * it would be ignored: `readOnyl` would open for writing, `cf` would write to the default column family.
 */
import { describe, describeKind } from './describe.js'
import { nearestName } from './nearest-name.js'

/**
 * Throws a TypeError or a RangeError for an unsuitable value.
 * @param name of the value, as its user writes it: `cache.maxBytes`.
 */
export type Check = (value: unknown, name: string) => void

/** A check for every property of `T`; none is called for a property that is left out or undefined. */
export type Checks<T> = { readonly [Name in keyof Required<T>]: Check }

type NamedChecks = Readonly<Record<string, Check>>

/**
 * Checks the options of a call.
 * @param call as errors name it: `put`.
 * @throws TypeError
 */
export function checkOptions(call: string, options: unknown, checks: NamedChecks): void {
  if (!isRecord(options))
    throw new TypeError(`expected the options of ${call} to be an object, got ${describe(options)}`)
  checkProperties(options, checks, call, '')
}

export interface GroupTerms<T> {
  /** The call that takes it, as errors name it. */
  readonly of: string
  /** An object that would suit. */
  readonly example: string
  /** Properties that can't be left out. */
  readonly required?: readonly (keyof T & string)[]
  /** Describes anything else. Default: {@link describe}; {@link describeKind} for a possible secret. */
  readonly describe?: (value: unknown) => string
}

/** An option that has options of its own. */
export function group<T>(checks: Checks<T>, terms: GroupTerms<T>): Check {
  const { of: call, example, required = [], describe: told = describe } = terms
  return (value, name) => {
    checkRecord(value, name, { example, describe: told })
    checkProperties(value, checks, call, `${name}.`)
    for (const property of required) {
      if (value[property] === undefined) checks[property](undefined, `${name}.${property}`)
    }
  }
}

export function checkRecord(
  value: unknown,
  name: string,
  { example, describe: told }: { readonly example: string; describe(value: unknown): string },
): asserts value is Readonly<Record<string, unknown>> {
  if (!isRecord(value))
    throw new TypeError(`expected "${name}" to be an object such as ${example}, got ${told(value)}`)
}

/** Reports whether a value is an object of properties: no array, bytes, Map, Date, string object or the like. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return Object.prototype.toString.call(value) === '[object Object]'
}

// Called for every get and put: allocates nothing if all is well.
function checkProperties(
  properties: Readonly<Record<string, unknown>>,
  checks: NamedChecks,
  call: string,
  prefix: string,
): void {
  for (const name in properties) {
    if (!Object.hasOwn(checks, name)) throw unknownOption(name, checks, call, prefix)
    const value = properties[name]
    if (value !== undefined) checks[name]!(value, prefix === '' ? name : prefix + name)
  }
}

function unknownOption(name: string, checks: NamedChecks, call: string, prefix: string): TypeError {
  const names = Object.keys(checks)
  const takes = `takes ${names.join(', ')}`
  const nearest = nearestName(name, names)
  return new TypeError(
    nearest === undefined
      ? `unknown option "${prefix}${name}" of ${call}; it ${takes}`
      : `unknown option "${prefix}${name}" of ${call}, did you mean "${prefix}${nearest}"? It ${takes}`,
  )
}

/** No check: every use of the value checks it. */
export const unchecked: Check = () => {}

export const flag: Check = (value, name) => {
  if (typeof value !== 'boolean')
    throw new TypeError(`expected "${name}" to be true or false, got ${describe(value)}`)
}

export const text: Check = (value, name) => {
  if (typeof value !== 'string' || value === '')
    throw new TypeError(`expected "${name}" to be a non-empty string, got ${describe(value)}`)
}

/** Text that no error shows. */
export const secretText: Check = (value, name) => {
  if (typeof value !== 'string' || value === '')
    throw new TypeError(
      `expected "${name}" to be a non-empty string, got ${value === '' ? 'an empty one' : describeKind(value)}`,
    )
}

/** Longest timer of Node.js. A longer one would fire at once. */
const maxTimerMs = 2 ** 31 - 1

/** A time that a timer waits for. */
export const timerMs: Check = (value, name) => {
  if (typeof value !== 'number' || !(value >= 0 && value <= maxTimerMs))
    throw new TypeError(
      `expected "${name}" to be a number of milliseconds from 0 to ${maxTimerMs} (24 days), got ${describe(value)}`,
    )
}

/** A span of time that is only compared: a month is fine. */
export const durationMs: Check = (value, name) => {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
    throw new TypeError(
      `expected "${name}" to be a number of milliseconds, zero or more, got ${describe(value)}`,
    )
}
