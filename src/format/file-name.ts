import { type Epoch, parseEpoch } from './epoch.js'

/**
 * Names of files, as RocksDB has them in a database directory, and names of the objects that they become. A name from
 * outside becomes a path only by parsing it here and building the path from the result.
 */

export type FileName =
  | { readonly kind: 'table' | 'blob' | 'wal' | 'manifest' | 'options'; readonly number: number }
  | {
      /** `temp` ends in .dbtmp, `trash` waits for deletion, `other` is not a name that RocksDB uses. */
      readonly kind: 'current' | 'identity' | 'lock' | 'infoLog' | 'temp' | 'trash' | 'other'
    }

export type ObjectName =
  | { readonly kind: 'table' | 'blob'; readonly number: number; readonly epoch: Epoch }
  | { readonly kind: 'manifest'; readonly epoch: Epoch }
  /** A MANIFEST that was replaced within its epoch, under the number that RocksDB gave it. */
  | { readonly kind: 'history'; readonly number: number; readonly epoch: Epoch }
  /** The cookie is empty for the plain CLOUDMANIFEST. */
  | { readonly kind: 'cloudManifest'; readonly cookie: string }
  | { readonly kind: 'identity' }
  /** See `catalog/pin.ts`. */
  | { readonly kind: 'pin'; readonly id: string }
  /** Mark of a database that is being copied or imported to this place, and is not whole yet. */
  | { readonly kind: 'incoming' }

const cloudManifest = 'CLOUDMANIFEST'
const identity = 'IDENTITY'
const pin = 'CLOUDPIN'
const incoming = 'INCOMING'
const manifest = 'MANIFEST'
const history = 'HISTORY'

/** Parses a base name in a database directory. */
export function parseFileName(name: string): FileName {
  switch (name) {
    case 'CURRENT':
      return { kind: 'current' }
    case identity:
      return { kind: 'identity' }
    case 'LOCK':
      return { kind: 'lock' }
  }
  if (/^LOG(\.old(\.[0-9]+)?)?$/.test(name)) return { kind: 'infoLog' }
  if (/^(OPTIONS-)?[0-9]+\.dbtmp$/.test(name)) return { kind: 'temp' }
  if (/^[0-9]+\.(sst|blob|log)\.trash$/.test(name)) return { kind: 'trash' }

  const numbered = /^(?:(MANIFEST|OPTIONS)-([0-9]+)|([0-9]+)\.(sst|ldb|blob|log))$/.exec(name)
  const number = parseNumber(numbered?.[2] ?? numbered?.[3])
  if (number === undefined) return { kind: 'other' }
  switch (numbered?.[1] ?? numbered?.[4]) {
    case 'MANIFEST':
      return { kind: 'manifest', number }
    case 'OPTIONS':
      return { kind: 'options', number }
    case 'blob':
      return { kind: 'blob', number }
    case 'log':
      return { kind: 'wal', number }
    default:
      return { kind: 'table', number }
  }
}

/** Parses the last part of an object's key; undefined if this format has no such name. */
export function parseObjectName(name: string): ObjectName | undefined {
  if (name === identity) return { kind: 'identity' }
  if (name === incoming) return { kind: 'incoming' }
  if (name === cloudManifest) return { kind: 'cloudManifest', cookie: '' }
  if (name.startsWith(`${cloudManifest}-`)) {
    const cookie = name.slice(cloudManifest.length + 1)
    return isCookie(cookie) ? { kind: 'cloudManifest', cookie } : undefined
  }

  const replaced = /^HISTORY-([0-9a-f]+)-([0-9]+)$/.exec(name)
  if (replaced) {
    const epoch = parseEpoch(replaced[1]!)
    const number = parseNumber(replaced[2])
    return epoch === undefined || number === undefined ? undefined : { kind: 'history', number, epoch }
  }
  const pinned = /^CLOUDPIN-([0-9a-f]{16})$/.exec(name)
  if (pinned) return { kind: 'pin', id: pinned[1]! }

  const parts = /^(?:MANIFEST|([0-9]+)\.(sst|blob))(?:-([0-9a-f]+))?$/.exec(name)
  if (!parts) return undefined
  const epoch = parseEpoch(parts[3] ?? '')
  if (epoch === undefined) return undefined
  if (parts[1] === undefined) return { kind: 'manifest', epoch }
  const number = parseNumber(parts[1])
  if (number === undefined) return undefined
  return { kind: parts[2] === 'sst' ? 'table' : 'blob', number, epoch }
}

/** Last part of an object's key, the inverse of {@link parseObjectName}. */
export function objectName(name: ObjectName): string {
  switch (name.kind) {
    case 'identity':
      return identity
    case 'incoming':
      return incoming
    case 'cloudManifest':
      if (name.cookie !== '' && !isCookie(name.cookie)) {
        throw new TypeError(
          `expected a cookie without slashes and control characters, got ${JSON.stringify(name.cookie)}`,
        )
      }
      return withSuffix(cloudManifest, name.cookie)
    case 'pin':
      return withSuffix(pin, name.id)
    case 'manifest':
      return withSuffix(manifest, name.epoch)
    case 'history':
      return `${history}-${name.epoch}-${padded(name.number)}`
    case 'table':
      return withSuffix(tableFileName(name.number), name.epoch)
    case 'blob':
      return withSuffix(blobFileName(name.number), name.epoch)
  }
}

export function tableFileName(number: number): string {
  return `${padded(number)}.sst`
}

export function blobFileName(number: number): string {
  return `${padded(number)}.blob`
}

export function walFileName(number: number): string {
  return `${padded(number)}.log`
}

export function manifestFileName(number: number): string {
  return `${manifest}-${padded(number)}`
}

/**
 * Reports whether the text can be a cookie in an object name: any text that cannot leave its directory or hide in a
 * terminal.
 */
export function isCookie(text: string): boolean {
  return text.length > 0 && text.length <= 200 && !/[/\\\p{Cc}\p{Cs}]/u.test(text)
}

function withSuffix(name: string, suffix: string): string {
  return suffix === '' ? name : `${name}-${suffix}`
}

/** Six digits or more. */
function padded(number: number): string {
  return String(number).padStart(6, '0')
}

/** Parses a number as RocksDB writes it; another spelling would be a second name for the same file. */
function parseNumber(digits: string | undefined): number | undefined {
  const number = Number(digits)
  return Number.isSafeInteger(number) && padded(number) === digits ? number : undefined
}
