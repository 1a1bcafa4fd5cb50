import { type StateOptions, sourceOptions } from './store-options.js'
import { UsageError } from './usage-error.js'

/** @throws UsageError an option about the source of a clone comes with a command that has no use for it. */
export function checkNoSource(options: StateOptions, command: string, reason: string): void {
  const given: Readonly<Record<string, unknown>> = options
  const useless = sourceOptions.find((option) => given[option.attributeName()] !== undefined)
  if (useless) throw new UsageError(`${command} takes no ${useless.long}: ${reason}`)
}
