import { EnvError } from '../env/env-error.js'

/** Content of an object, or of a part of one, that comes from a local file. */
export interface FileBody {
  readonly file: string
  /** Default: the beginning of the file. */
  readonly offset?: number
  readonly size: number
}

/** Content of a request: that of an object, or a part of it. */
export type RequestBody = Uint8Array | FileBody

export function bodySize(body: RequestBody): number {
  return body instanceof Uint8Array ? body.length : body.size
}

/** Never NotFound: that would say that the object is missing. */
export function unreadable({ file }: FileBody, error: unknown): EnvError {
  const reason = error instanceof Error ? error.message : String(error)
  return new EnvError('IOError', `cannot read ${file}: ${reason}`, { cause: error })
}

export function tooShort({ file, offset = 0, size }: FileBody, found: number): EnvError {
  return new EnvError('IOError', `${file} has ${found} bytes, expected ${offset + size}`)
}
