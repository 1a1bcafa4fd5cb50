import { ArgumentError } from '../env/argument-error.js'

/** Something else lies where a database was to be written. Nothing was changed. */
export class OccupiedError extends ArgumentError {
  constructor(message: string) {
    super(`${message}. Nothing was changed`)
  }
}
