import { EnvError } from './env-error.js'

/** Error of an Env that has no past states. */
export function noPastStates(): EnvError {
  return new EnvError('NotSupported', 'this Env has no past states of databases: a cloud Env has them')
}
