import type { ObjectKey } from './object-store.js'

/** S3's limit, in bytes of UTF-8. */
const maxKeyBytes = 1024

/** Characters that XML, in which S3 transmits keys, cannot hold, or that a terminal obeys. */
const unspeakable = /[\p{Cc}\p{Surrogate}\ufffe\uffff]/u

/** Reports whether the text can be the key of an object in every store. */
export function isObjectKey(text: string): text is ObjectKey {
  return (
    Buffer.byteLength(text) <= maxKeyBytes &&
    !unspeakable.test(text) &&
    text.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..')
  )
}

/** Reports whether a key can start with the text. */
export function isKeyPrefix(text: string): boolean {
  const directory = text.slice(0, text.lastIndexOf('/') + 1)
  return directory === '' || isObjectKey(directory.slice(0, -1))
}

/** @throws TypeError */
export function assertObjectKey(key: ObjectKey): void {
  if (isObjectKey(key)) return
  throw new TypeError(
    `expected a key of at most ${maxKeyBytes} bytes, of non-empty segments joined with "/", none of them "." or "..", ` +
      `without control characters, got ${JSON.stringify(key)}`,
  )
}

/** Order of the keys in every listing: by their UTF-8 bytes. */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
