import { EnvError } from '../env/env-error.js'

/** Something else lies where a database was to be written. Nothing was changed. */
export class OccupiedError extends EnvError {
  constructor(message: string) {
    super('InvalidArgument', `${message}. Nothing was changed`)
  }
}
