import { EnvError } from '../env/env-error.js'

/** The thread that hosted an Env ended before anybody closed it: the fault lies in the program, not in a store. */
export class HostGoneError extends EnvError {
  constructor(reason: string, cause?: unknown) {
    super('IOError', `the host of the Env is gone, and with it every database on it: ${reason}`, { cause })
  }
}
