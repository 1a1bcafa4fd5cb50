import { describe } from './bytes.js'

const family = ['columnFamily']
const reading = [...family, 'snapshot', 'fillCache']
const writing = ['sync', 'disableWAL']

/** What each call takes. A misspelled option would be ignored: `readOnyl` would open for writing, `snyc` not sync. */
const namesOf = {
  open: ['env', 'options', 'columnFamilies', 'readOnly', 'onlyNamedFamilies', 'createIfMissing'],
  listColumnFamilies: ['env'],
  get: [...reading, 'valueEncoding'],
  put: [...family, ...writing],
  delete: [...family, ...writing],
  batch: writing,
  flush: [...family, 'timeoutMs'],
  compactRange: [...family, 'start', 'end'],
  getProperty: family,
  iterator: [
    ...reading,
    'gte',
    'gt',
    'lte',
    'lt',
    'prefix',
    'reverse',
    'limit',
    'keyEncoding',
    'valueEncoding',
  ],
} as const satisfies Readonly<Record<string, readonly string[]>>

const flags: ReadonlySet<string> = new Set([
  'readOnly',
  'onlyNamedFamilies',
  'createIfMissing',
  'fillCache',
  'sync',
  'disableWAL',
  'reverse',
])

/**
 * Checks the options of a call by their names, and those that are true or false.
 * @throws TypeError
 */
export function checkOptions(call: keyof typeof namesOf, options: object): void {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(`expected the options of ${call} to be an object, got ${describe(options)}`)
  const names: readonly string[] = namesOf[call]
  // Called for every get and put: nothing is allocated where all is well.
  for (const name in options) {
    const value: unknown = options[name as keyof typeof options]
    if (!names.includes(name))
      throw new TypeError(`unknown option "${name}" of ${call}; it takes ${names.join(', ')}`)
    if (flags.has(name) && value !== undefined && typeof value !== 'boolean')
      throw new TypeError(`expected "${name}" to be true or false, got ${describe(value)}`)
  }
}
