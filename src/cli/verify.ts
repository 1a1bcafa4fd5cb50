import { Command } from '@commander-js/extra-typings'
import type { Verification } from '../inspect/verify.js'
import { exitCode } from './exit-code.js'
import { green, red } from './output/colour.js'
import { type JsonProblem, jsonProblem, problemKeys, problemText } from './output/problem.js'
import { startProgress } from './output/progress.js'
import { printTable } from './output/table.js'
import { counted, formatBytes, formatCount, printable } from './output/text.js'
import { printJson } from './output/write-json.js'
import { type InspectOptions, withInspectOptions, withPlaces } from './store-options.js'
import { stateOf } from './surveyed.js'

/** What `cloudenv verify --json` prints. */
export interface VerifyJson {
  readonly url: string
  readonly isSound: boolean
  /** Whether tables and blob files were read. */
  readonly isDeep: boolean
  /** What was looked at. */
  readonly checked: {
    /** CLOUDMANIFESTs. */
    readonly states: number
    /** Live ones that are there and of the right size; one that several states share counts once. */
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
  readonly problems: readonly JsonProblem[]
}

type VerifyOptions = InspectOptions & { readonly deep?: true }

export const verifyCommand = withInspectOptions(
  new Command('verify')
    .description('say whether a database is sound, and if not, what is wrong and which keys it touches')
    .argument('<url>', 'of the database: s3://bucket/path or file:///directory')
    .option('--deep', 'also read every table and blob file, and check the checksum of each block and blob'),
)
  .addHelpText(
    'after',
    `
Looks at the states of all cookies, unless --cookie names one. Exit code: 0 sound, 1 something is wrong,
3 the store cannot be reached.

Example:
  cloudenv verify --deep s3://bucket/prod/orders`,
  )
  .action(async (url, options) => {
    const verification = await verify(url, options)
    if (options.json) await printJson<VerifyJson>(verifyJson(verification, options))
    else print(verification, options)
    if (verification.problems.length > 0) process.exitCode = exitCode.foundWrong
  })

async function verify(url: string, options: VerifyOptions): Promise<Verification> {
  const { verifyDatabase } = await import('../inspect/verify.js')
  return await withPlaces(url, options, async (places) => {
    let progress = startProgress('surveying', { unit: 'objects' })
    let isListing = true
    try {
      const verification = await verifyDatabase(places, {
        isDeep: options.deep === true,
        ...(options.cookie !== undefined && { cookie: options.cookie }),
        // What seems damaged is listed once more, after it was read: that takes no long time beside it.
        onObject: () => isListing && progress.add(1),
        onStart: (total) => {
          isListing = false
          progress.end()
          progress = startProgress('checking', { unit: 'bytes', total })
        },
        onRead: (bytes) => progress.add(bytes),
      })
      const { survey, problems } = verification
      const cookie = options.cookie ?? [...survey.states.keys()][0]
      // Nothing is there, or not what was asked for, and that is nothing wrong either.
      if (problems.length === 0 || options.cookie !== undefined)
        await stateOf(survey, cookie === undefined ? {} : { cookie })
      return verification
    } finally {
      progress.end()
    }
  })
}

function verifyJson({ survey, problems, checked }: Verification, { deep }: VerifyOptions): VerifyJson {
  return {
    url: survey.url,
    isSound: problems.length === 0,
    isDeep: deep === true,
    checked,
    problems: problems.map(jsonProblem),
  }
}

/** More is for programs. */
const maxRows = 100

function print(verification: Verification, options: VerifyOptions): void {
  const { survey, problems } = verification
  const { url } = survey
  const shown = problems.slice(0, maxRows)
  if (shown.length > 0) {
    printTable(shown, [
      { title: 'problem', cell: ({ code }) => red(code) },
      { title: 'keys', cell: problemKeys },
      { title: 'what is wrong', cell: (problem) => problemText(problem, url) },
    ])
  }
  if (problems.length > shown.length)
    console.log(`… and ${problems.length - shown.length} more: --json has all`)

  const verdict =
    problems.length === 0
      ? green(`${printable(url)} is sound`)
      : red(`${printable(url)} has ${counted(problems.length, 'problem')}`)
  console.log(`${verdict} (${extent(verification, options)})`)
}

/** How much was looked at. */
function extent({ survey, checked }: Verification, { deep, cookie }: VerifyOptions): string {
  const states = [...survey.states.values()].filter((state) => state.cookie === (cookie ?? state.cookie))
  if (!states.some(({ manifest }) => manifest)) return 'which tables it has is unknown'
  const { tables, tableBytes, blobFiles, blobs, blocks, entries } = checked
  const inBlobFiles = deep ? ` with ${counted(blobs, 'blob')}` : ''
  return [
    `${counted(tables, 'table')} of ${formatBytes(tableBytes)}`,
    ...(blobFiles > 0 ? [`${counted(blobFiles, 'blob file')}${inBlobFiles}`] : []),
    ...(deep
      ? [`${counted(blocks, 'block')} with ${formatCount(entries)} entries`]
      : ['none of them read: see --deep']),
  ].join(', ')
}
