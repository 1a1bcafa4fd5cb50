import { type ObjectName, parseObjectName } from '../format/file-name.js'

/**
 * Splits the URL of an object into the URL of its database and the object that the last segment names, if objects have
 * such names.
 */
export function splitObjectUrl(url: string): {
  readonly databaseUrl: string
  readonly name: ObjectName | undefined
} {
  const trimmed = url.replace(/\/+$/, '')
  // A bucket may have a name that objects have, and text without a scheme is not a URL: opening it fails with the
  // reason.
  const [, databaseUrl, last] = /^([\w+.-]+:\/\/.*[^/])\/+([^/]+)$/.exec(trimmed) ?? []
  const name = last === undefined ? undefined : parseObjectName(decoded(last))
  return name && databaseUrl !== undefined ? { databaseUrl, name } : { databaseUrl: trimmed, name: undefined }
}

function decoded(written: string): string {
  try {
    return decodeURIComponent(written)
  } catch {
    return written
  }
}
