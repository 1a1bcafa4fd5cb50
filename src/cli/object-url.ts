import { type ObjectName, parseObjectName } from '../format/file-name.js'

/** The URL of a database and the object of it that the last segment names, if that is a name which objects have. */
export function splitObjectUrl(url: string): {
  readonly databaseUrl: string
  readonly name: ObjectName | undefined
} {
  const trimmed = url.replace(/\/+$/, '')
  const slash = trimmed.lastIndexOf('/')
  const name = parseObjectName(trimmed.slice(slash + 1))
  return name === undefined ? { databaseUrl: trimmed, name } : { databaseUrl: trimmed.slice(0, slash), name }
}
