import { EnvError } from './env-error.js'

/** Refusal of what was asked for: other arguments would help, and the store is as it should be. */
export class ArgumentError extends EnvError {
  constructor(message: string) {
    super('InvalidArgument', message)
  }
}
