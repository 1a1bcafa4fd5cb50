import { Command } from '@commander-js/extra-typings'
import { printable } from '../../inspect/printable.js'
import type { Verification } from '../../inspect/verify.js'
import type { VerifyJson } from '../../inspect/verify-json.js'
import { exitCode } from '../exit-code.js'
import { green, red, yellow } from '../output/colour.js'
import { problemKeys, problemText } from '../output/problem.js'
import { startProgress } from '../output/progress.js'
import { printTable } from '../output/table.js'
import { counted, formatBytes, formatCount } from '../output/text.js'
import { usageText } from '../output/usage.js'
import { printJson } from '../output/write-json.js'
import { type InspectOptions, withInspectOptions, withPlaces } from '../store-options.js'
import { stateOf } from '../surveyed.js'

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
    const { verifyJson } = await import('../../inspect/verify-json.js')
    const verification = await verify(url, options)
    const report = verifyJson(verification, { isDeep: options.deep === true })
    if (options.json) await printJson<VerifyJson>(report)
    else print(verification, report, options)
    if (verification.problems.length > 0) process.exitCode = exitCode.foundWrong
  })

async function verify(url: string, options: VerifyOptions): Promise<Verification> {
  const { verifyDatabase } = await import('../../inspect/verify.js')
  return await withPlaces(url, options, async (places, openPlace) => {
    let progress = startProgress('surveying', { unit: 'objects' })
    let isListing = true
    try {
      const verification = await verifyDatabase(places, {
        isDeep: options.deep === true,
        openPlace,
        ...(options.cookie !== undefined && { cookie: options.cookie }),
        // Apparent damage is listed once more after reading, which takes little time compared to that.
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
      // The database or the requested state may not exist, which is not among the problems.
      if (problems.length === 0 || options.cookie !== undefined)
        await stateOf(survey, cookie === undefined ? {} : { cookie })
      return verification
    } finally {
      progress.end()
    }
  })
}

/** More rows are for programs. */
const maxRows = 100

function print(verification: Verification, { displaced }: VerifyJson, options: VerifyOptions): void {
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
  if (displaced.objects > 0)
    console.log(
      yellow(
        `  ${usageText(displaced)}: committed by an owner that had been displaced, and in no state. See gc`,
      ),
    )
}

/** Extent of the check. */
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
