import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { UsageError } from './usage-error.js'

/**
 * Refuses an empty argument, which a shell passes for a variable that is not set, and which would name this directory
 * or the plain CLOUDMANIFEST. Only a key may be empty, and what goes to another program.
 * @throws UsageError
 */
export function checkArguments({ args, registeredArguments }: CommandUnknownOpts): void {
  const empty = registeredArguments.find(
    (argument, at) => args[at] === '' && argument.name() !== 'key' && !argument.variadic,
  )
  if (empty)
    throw new UsageError(`expected <${empty.name()}> not to be empty: is a variable of a script unset?`)
}
