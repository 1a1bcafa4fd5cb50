import { EnvError } from '../env/env-error.js'
import type { PutBody } from './object-store.js'

/** Content of an object that comes from a local file. */
export type FileBody = Exclude<PutBody, Uint8Array>

export function bodySize(body: PutBody): number {
  return body instanceof Uint8Array ? body.length : body.size
}

/** Never NotFound: that would say that the object is missing. */
export function unreadable({ file }: FileBody, error: unknown): EnvError {
  const reason = error instanceof Error ? error.message : String(error)
  return new EnvError('IOError', `cannot read ${file}: ${reason}`, { cause: error })
}

export function tooShort({ file, size }: FileBody, found: number): EnvError {
  return new EnvError('IOError', `${file} has ${found} bytes, expected ${size}`)
}
