import { Option } from '@commander-js/extra-typings'
import { isCheckpointName, type StateSelector } from '../env/state-selector.js'
import { UsageError } from './usage-error.js'

/** Option of commands that can read a past state. */
export const atOption = new Option(
  '--at <state>',
  'as the database was at a time (2026-11-27T08:00Z) or sequence number, as "history" lists them, or a checkpoint by name',
).argParser(parseAt)

/** @throws UsageError */
export function parseAt(text: string): StateSelector {
  if (/^\d{1,18}$/.test(text)) return BigInt(text)
  if (/^\d{4}-\d\d-\d\d/.test(text)) {
    const time = new Date(text)
    if (!Number.isNaN(time.getTime())) return time
  } else if (isCheckpointName(text)) return text
  throw new UsageError(
    'expected --at to be a time such as 2026-11-27T08:00Z, a sequence number, or the name of a checkpoint, got ' +
      JSON.stringify(text),
  )
}
