import type { Survey } from '../catalog/survey.js'
import { type JsonProblem, jsonProblem } from './problem-json.js'
import { type Usage, usageOf } from './usage.js'
import type { Verification } from './verify.js'

/** Output of `cloudenv verify --json`. */
export interface VerifyJson {
  readonly url: string
  readonly isSound: boolean
  /** True if tables and blob files were read. */
  readonly isDeep: boolean
  /** Extent of the check. */
  readonly checked: {
    /** Number of CLOUDMANIFESTs. */
    readonly states: number
    /** Live tables that exist and have the right size; one that several states share counts once. */
    readonly tables: number
    readonly tableBytes: number
    readonly blobFiles: number
    /** Values in them whose checksum was computed; 0 without `--deep`. */
    readonly blobs: number
    /** Blocks of tables whose checksum was computed; 0 without `--deep`. */
    readonly blocks: number
    /** Point entries in them; 0 without `--deep`. */
    readonly entries: number
  }
  /**
   * Objects that owners committed after they were displaced, and that are in no state: `cloudenv gc` lists them. They
   * are no fault of the database.
   */
  readonly displaced: Usage
  readonly problems: readonly JsonProblem[]
}

export function verifyJson(
  { survey, problems, checked }: Verification,
  { isDeep }: { readonly isDeep: boolean },
): VerifyJson {
  return {
    url: survey.url,
    isSound: problems.length === 0,
    isDeep,
    checked,
    displaced: displacedUsage(survey),
    problems: problems.map(jsonProblem),
  }
}

/** Objects that owners committed after they were displaced, and that are in no state. */
export function displacedUsage({ objects }: Survey): Usage {
  return usageOf(objects.filter(({ role }) => role.kind === 'garbage' && role.reason === 'displaced'))
}
