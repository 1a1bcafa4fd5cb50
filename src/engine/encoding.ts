import { describe } from '../options/describe.js'

/** Form of returned values. `utf8`: strings. Default: Buffers. */
export type Encoding = 'buffer' | 'utf8'

export type Decoded<E extends Encoding> = E extends 'utf8' ? string : Buffer

/** Makes a value from a part of a chunk of bytes. */
export type Decode<T> = (bytes: Buffer, start: number, end: number) => T

export function isText(encoding: Encoding | undefined): boolean {
  if (encoding === undefined || encoding === 'buffer') return false
  if (encoding === 'utf8') return true
  throw new RangeError(`expected an encoding to be "buffer" or "utf8", got ${describe(encoding)}`)
}

export function decoder<E extends Encoding>(encoding: E | undefined): Decode<Decoded<E>> {
  const decode: Decode<Buffer | string> = isText(encoding)
    ? (bytes, start, end) => bytes.toString('utf8', start, end)
    : (bytes, start, end) => bytes.subarray(start, end)
  return decode as Decode<Decoded<E>>
}
