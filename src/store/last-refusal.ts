import type { EnvError } from '../env/env-error.js'

/** Keyed by the signal that can end the request: it is what those who end it and those who repeat it have in common. */
const refusals = new WeakMap<AbortSignal, EnvError>()

/** Remembers why a request is about to be repeated. */
export function recordRefusal(signal: AbortSignal, refusal: EnvError): void {
  refusals.set(signal, refusal)
}

/** Why the last attempt of a request failed; undefined for the first. Says more than that it was ended. */
export function lastRefusal(signal: AbortSignal): EnvError | undefined {
  return refusals.get(signal)
}
