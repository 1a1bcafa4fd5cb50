import { Command } from '@commander-js/extra-typings'
import type { Garbage, GarbageReason } from '../../catalog/garbage.js'
import type { Problem } from '../../catalog/problem.js'
import type { SurveyedGarbage } from '../../catalog/survey.js'
import type { GarbageReport } from '../../inspect/garbage-report.js'
import { printable } from '../../inspect/printable.js'
import type { UploadUsage } from '../../inspect/unfinished-uploads.js'
import type { CollectedGarbage } from '../../operations/collect.js'
import { exitCode } from '../exit-code.js'
import { interruptible } from '../interruptible.js'
import { noDatabase } from '../no-database.js'
import { bold, dim, yellow } from '../output/colour.js'
import { problemLines, problemText } from '../output/problem.js'
import { withProgress } from '../output/progress.js'
import { printTable } from '../output/table.js'
import { formatAge, formatBytes, formatSeconds } from '../output/text.js'
import { uploadsAdvice, uploadsText } from '../output/uploads.js'
import { usageText } from '../output/usage.js'
import { printJson } from '../output/write-json.js'
import { type InspectOptions, locationOf, withInspectOptions } from '../store-options.js'
import { surveyed } from '../surveyed.js'
import { UsageError } from '../usage-error.js'

export const gcCommand = withInspectOptions(
  new Command('gc')
    .description('show what no state of a database needs any more, why and since when')
    .argument('<url>', 'of the database: s3://bucket/path or file:///directory')
    .option(
      '--delete',
      'delete what has been garbage for as long as the owners keep it; default: only show it',
    )
    .option('--min-age <hours>', 'with --delete: delete only what has been garbage for longer', parseHours)
    .addHelpText(
      'after',
      `
What clones need is spared if they were made with this program. A clone that rocksdb-cloud made leaves no trace here.

Examples:
  cloudenv gc s3://bucket/prod/orders
  cloudenv gc s3://bucket/prod/orders --delete`,
    ),
).action(async (url, options) => {
  const { isGarbage } = await import('../../catalog/survey.js')
  const { garbageReport } = await import('../../inspect/garbage-report.js')
  const { rootProblems } = await import('../../catalog/remains.js')
  const { surveyUploads } = await import('../../inspect/unfinished-uploads.js')
  if (options.cookie !== undefined)
    throw new UsageError('gc takes no --cookie: what is garbage depends on the states of all cookies')
  if (options.delete) return await deleteGarbage(url, options)
  if (options.minAge !== undefined)
    throw new UsageError('--min-age says what --delete deletes: leave it out, or add --delete')
  await surveyed(url, options, async (survey) => {
    const garbage = survey.objects.filter(isGarbage)
    const lost = rootProblems(survey)
    // A probe may remain where no database ever existed.
    if (survey.states.size === 0 && lost.length === 0 && !garbage.some(({ role }) => role.reason === 'probe'))
      throw await noDatabase(survey.places[0], '')
    const problems = [...lost, ...[...survey.states.values()].flatMap((state) => state.problems)]
    const uploads = await surveyUploads(survey.places[0], { shallow: true })
    const report = garbageReport(survey, problems, uploads)
    if (options.json) await printJson<GarbageReport>(report)
    else {
      print(report, garbage, problems)
      printUploads(uploads)
    }
    process.exitCode = problems.length > 0 ? exitCode.foundWrong : exitCode.good
  })
})

async function deleteGarbage(
  url: string,
  options: InspectOptions & { readonly minAge?: number },
): Promise<void> {
  const { collect } = await import('../../operations/collect.js')
  const { own, ...location } = await locationOf(url, options)
  const { minAge } = options
  const collected = await interruptible((signal) =>
    withProgress('deleting', { unit: 'objects' }, (progress) =>
      collect(own, {
        ...location,
        ...(minAge !== undefined && { minAgeMs: minAge * 3_600_000 }),
        signal,
        onWarning: (message) => console.error(yellow(printable(message))),
        onDeleted: (objects) => progress.add(objects),
      }),
    ),
  )
  if (options.json) return await printJson<CollectedGarbage>(collected)
  const { deletedObjects, deletedBytes, keptObjects, keptBytes, minAgeMs } = collected
  console.log(
    `${bold(printable(collected.url))}: deleted ${usageText({ objects: deletedObjects, bytes: deletedBytes })}`,
  )
  if (keptObjects > 0)
    console.log(
      `  ${usageText({ objects: keptObjects, bytes: keptBytes })} stay: garbage for less than ${formatSeconds(minAgeMs / 1000)}, or nobody knows for how long`,
    )
}

/** Each reason in a few words, and in a sentence. */
const reasons: Readonly<Record<GarbageReason, readonly [short: string, long: string]>> = {
  unreferenced: ['unreferenced', 'the MANIFEST does not reference it any more'],
  uncommitted: [
    'uncommitted',
    'written in the present epoch and not in the MANIFEST: on its way there, or not needed any more',
  ],
  invisible: ['invisible', 'written by an owner who had been displaced, and never committed'],
  displaced: [
    'displaced',
    'committed by an owner after somebody else had taken the database over: no state has it. Copy it before its owner deletes it, if you miss what was written then',
  ],
  pastManifest: ['past MANIFEST', 'the MANIFEST of a past epoch, which the present one continues'],
  formerManifest: [
    'former MANIFEST',
    'a MANIFEST that had grown too large, kept for those who want one of its states (cloudenv history)',
  ],
  unknownEpoch: [
    'unknown epoch',
    'no CLOUDMANIFEST has its epoch: of an opening that failed or is under way, or of a state that was deleted',
  ],
  probe: ['probe', 'left by an interrupted check of what the store can do'],
  expiredPin: ['expired pin', 'left by a copy or a branch that was interrupted'],
  noDatabase: [
    'no database',
    'there is no CLOUDMANIFEST: it was lost, or the database was destroyed, or is being created right now',
  ],
}

function print(
  { url, total, retentionMs, deletedByOwner, undecided, foreign }: GarbageReport,
  garbage: readonly SurveyedGarbage[],
  problems: readonly Problem[],
): void {
  if (garbage.length > 0) {
    printTable(garbage, [
      { title: 'object', cell: ({ name }) => printable(name) },
      { title: 'size', align: 'right', cell: ({ size }) => formatBytes(size) },
      { title: 'why', cell: ({ role }) => reasons[role.reason][0] },
      { title: 'written', align: 'right', cell: ({ modified }) => `${formatAge(modified)} ago` },
      { title: 'garbage for', cell: ({ role }) => garbageFor(role) },
      { title: 'deleted by', cell: ({ role }) => (role.deletedBy === 'owner' ? 'its owner' : 'people') },
    ])
    console.log()
    const present = new Set(garbage.map(({ role }) => role.reason))
    for (const reason of present) console.log(dim(`${reasons[reason][0]}: ${reasons[reason][1]}`))
    console.log()
  }
  const mayBeNeeded = `${usageText(undecided)} may be needed by a state that cannot be read`
  const isUnknown = garbage.length === 0 && undecided.objects > 0
  const none = isUnknown ? `what is garbage cannot be told: ${mayBeNeeded}` : 'no garbage'
  console.log(`${bold(printable(url))}: ${garbage.length === 0 ? none : yellow(usageText(total))}`)
  if (deletedByOwner.objects > 0)
    console.log(
      `  ${usageText(deletedByOwner)}: deleted by whoever has the database open for writing, after ${delayText(retentionMs)}`,
    )
  const left = {
    objects: total.objects - deletedByOwner.objects,
    bytes: total.bytes - deletedByOwner.bytes,
  }
  if (left.objects > 0) console.log(`  ${usageText(left)}: ${whyLeft(problems)}`)
  if (undecided.objects > 0 && !isUnknown) console.log(`  ${mayBeNeeded}`)
  if (foreign.objects > 0)
    console.log(`  ${usageText(foreign)}: of others, and nobody here knows what they are`)
  for (const line of problemLines(problems, (problem) => problemText(problem, url)))
    console.log(yellow(`  ${line}`))
}

/** The owner may have said how long; the next one may say something else. */
function delayText(retentionMs: number | null): string {
  return retentionMs === null ? 'a delay' : `a delay of ${formatSeconds(retentionMs / 1000)}`
}

function printUploads(uploads: UploadUsage): void {
  const text = uploadsText(uploads)
  if (text === undefined) return
  console.log(`  ${uploads.uploads > 0 ? yellow(text) : text}`)
  for (const line of uploadsAdvice(uploads)) console.log(dim(`    ${line}`))
}

function garbageFor({ since }: Garbage): string {
  return since ? `at least ${formatAge(since)}` : '?'
}

function whyLeft(problems: readonly Problem[]): string {
  const nobody = 'deleted by nobody unless people decide so'
  if (problems.length > 0) return `${nobody}: the database is damaged`
  return nobody
}

function parseHours(text: string): number {
  const hours = Number(text)
  if (/^\d+(\.\d+)?$/.test(text) && hours <= 1_000_000) return hours
  throw new UsageError(`expected --min-age to be a number of hours, got ${JSON.stringify(text)}`)
}
