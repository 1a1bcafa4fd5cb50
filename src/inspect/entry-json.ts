import type { JsonBytes } from './json-bytes.js'

/** Output of `cloudenv get --json`. */
export interface GetJson {
  readonly columnFamily: string
  readonly key: JsonBytes
  /** Null if there is no such key. */
  readonly value: JsonBytes | null
}

/** A line of the output of `cloudenv scan --json`. */
export interface ScanEntryJson {
  readonly key: JsonBytes
  readonly value: JsonBytes
}

/** Output of `cloudenv scan --count --json`. */
export interface ScanCountJson {
  readonly columnFamily: string
  readonly count: number
}
