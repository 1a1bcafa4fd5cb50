import { EnvError } from '../env/env-error.js'

/** Error for bytes that cannot be what `name` says they are. `offset` counts from the start of the file. */
export function corruption(name: string, offset: number, reason: string): EnvError {
  return new EnvError('Corruption', `${name} is corrupt at byte ${offset}: ${reason}`)
}
