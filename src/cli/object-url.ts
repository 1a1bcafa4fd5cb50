import { type ObjectName, parseObjectName } from '../format/file-name.js'

/** The URL of a database and the object of it that the last segment names, if that is a name which objects have. */
export function splitObjectUrl(url: string): {
  readonly databaseUrl: string
  readonly name: ObjectName | undefined
} {
  const trimmed = url.replace(/\/+$/, '')
  // A bucket may be called as objects are, and what has no scheme is no URL at all: whoever opens it says so.
  const [, databaseUrl, last] = /^(\w+:\/\/.*[^/])\/+([^/]+)$/.exec(trimmed) ?? []
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
