import { parseFileName } from '../format/file-name.js'
import type { Database } from './database.js'

/** A file, and who answers for it. */
export type LocatedFile<Holder = Database> =
  | {
      readonly database: Holder
      readonly name: string
      /** `stored`: a table or blob file. `metadata`: CURRENT and IDENTITY. `log`: the local write-ahead log. */
      readonly kind: 'stored' | 'manifest' | 'metadata' | 'log'
    }
  /** A file about which the Env decides nothing. */
  | { readonly name: string; readonly kind: 'local'; readonly database?: undefined }

/** A file in the directory of a database. */
export function fileOf<Holder>(database: Holder, name: string): LocatedFile<Holder> {
  switch (parseFileName(name).kind) {
    case 'table':
    case 'blob':
      return { database, name, kind: 'stored' }
    case 'manifest':
      return { database, name, kind: 'manifest' }
    case 'current':
    case 'identity':
      return { database, name, kind: 'metadata' }
    case 'wal':
      return { database, name, kind: 'log' }
    default:
      return { name, kind: 'local' }
  }
}

/** Reports whether it is a whole local file. */
export function isPlain(file: LocatedFile): file is Extract<LocatedFile, { kind: 'local' | 'log' }> {
  return file.kind === 'local' || file.kind === 'log'
}
