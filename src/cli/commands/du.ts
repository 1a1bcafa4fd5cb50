import { Command } from '@commander-js/extra-typings'
import type { DatabaseDiskUsage, DiskUsage } from '../../inspect/disk-usage-report.js'
import { printable, shortened } from '../../inspect/printable.js'
import { flatPrice, listPrice, type StoragePrice } from '../../inspect/storage-price.js'
import { plus, type Usage } from '../../inspect/usage.js'
import { urlPath } from '../../store/store-url.js'
import { checkNoSource } from '../check-no-source.js'
import { exitCode } from '../exit-code.js'
import { foundDatabases } from '../found-databases.js'
import { bold, dim, yellow } from '../output/colour.js'
import { epochText } from '../output/epoch.js'
import { problemLine, problemLines } from '../output/problem.js'
import { withProgress } from '../output/progress.js'
import { type Column, printTable } from '../output/table.js'
import { counted, formatBytes, formatCount, formatUsd } from '../output/text.js'
import { uploadsText } from '../output/uploads.js'
import { printJson } from '../output/write-json.js'
import { withInspectOptions, withPlaces } from '../store-options.js'
import { UsageError } from '../usage-error.js'

export const duCommand = withInspectOptions(
  new Command('du')
    .description('show what databases store, by level, epoch, live and garbage, and what that costs')
    .argument('<url>', 'of a database, or a prefix: s3://bucket/prefix or file:///directory')
    .option('--price <usd>', 'for a GB-month, instead of the list price of S3 Standard', parsePrice)
    .addHelpText(
      'after',
      `
The cost is that of storage alone: not of requests and transfer, nor of versions that the bucket keeps, nor of unfinished
uploads, which are shown beside it.

Example:
  cloudenv du s3://bucket/prod`,
    ),
).action(async (url, options) => {
  const reason = 'it counts what lies below the URL, whatever needs it'
  if (options.cookie !== undefined) throw new UsageError(`du takes no --cookie: ${reason}`)
  checkNoSource(options, 'du', reason)
  const price = options.price ?? listPrice
  const { surveyUploads } = await import('../../inspect/unfinished-uploads.js')
  const { diskUsage } = await import('../../inspect/disk-usage-report.js')
  const { usage, uploads } = await withPlaces(url, options, async ([place]) => {
    const found = await foundDatabases(place)
    const uploads = await surveyUploads(place)
    const total = found.databases.length
    const usage = await withProgress('reading', { unit: 'databases', total }, (progress) =>
      diskUsage(place, found, { price, uploads, onDatabase: () => progress.add(1) }),
    )
    return { usage, uploads }
  })
  if (options.json) await printJson<DiskUsage>(usage)
  else {
    print(usage)
    const text = uploadsText(uploads)
    if (text !== undefined) console.log(yellow(text))
    if (uploads.uploads > 0)
      console.log(dim('Not in the sum. How to be rid of them: cloudenv gc, for a database'))
  }
  const isDamaged = usage.databases.some(({ problems }) => problems.length > 0)
  process.exitCode = isDamaged ? exitCode.foundWrong : exitCode.good
})

function parsePrice(text: string): StoragePrice {
  const usd = Number(text)
  if (/^\d*\.?\d+$/.test(text) && Number.isFinite(usd)) return flatPrice(usd)
  throw new UsageError(`expected --price to be US dollars such as 0.023, got ${JSON.stringify(text)}`)
}

function print(usage: DiskUsage): void {
  const { url, databases, elsewhere, total, monthlyUsd, price } = usage
  if (total.objects === 0) {
    console.log(`Nothing lies at or below ${printable(url)}.`)
    return
  }
  printTable([...databases.map(rowOf), ...(elsewhere.objects > 0 ? [elsewhereRow(usage)] : [])], columns)
  const [only] = databases
  if (databases.length === 1 && only) printParts(only)
  console.log(
    `\n${bold(formatBytes(total.bytes))} in ${counted(total.objects, 'object')}: ${bold(formatUsd(monthlyUsd))} a month`,
  )
  console.log(dim(`Storage alone, at ${price.name}`))
  const problems = databases.flatMap((database) => database.problems)
  if (problems.length > 0) console.log()
  for (const line of problemLines(problems, problemLine)) console.log(line)
}

interface Row {
  readonly name: string
  readonly stored: Usage
  readonly live?: Usage
  readonly garbage?: Usage
  readonly others?: Usage
  readonly monthlyUsd: number
}

function rowOf({ path, total, live, garbage, undecided, foreign, monthlyUsd }: DatabaseDiskUsage): Row {
  const name = path === '' ? '.' : urlPath(path)
  return { name, stored: total, live, garbage, others: plus(undecided, foreign), monthlyUsd }
}

function elsewhereRow({ elsewhere, total, monthlyUsd }: DiskUsage): Row {
  return {
    name: dim('(in no database)'),
    stored: elsewhere,
    monthlyUsd: total.bytes === 0 ? 0 : (elsewhere.bytes / total.bytes) * monthlyUsd,
  }
}

const columns: readonly Column<Row>[] = [
  { title: 'database', cell: ({ name }) => name },
  { title: 'objects', align: 'right', cell: ({ stored }) => formatCount(stored.objects) },
  { title: 'bytes', align: 'right', cell: ({ stored }) => formatBytes(stored.bytes) },
  { title: 'live', align: 'right', cell: ({ live }) => bytesCell(live) },
  {
    title: 'garbage',
    align: 'right',
    cell: ({ garbage }) => (garbage?.bytes ? yellow(bytesCell(garbage)) : bytesCell(garbage)),
  },
  { title: 'other', align: 'right', cell: ({ others }) => bytesCell(others) },
  { title: 'a month', align: 'right', cell: ({ monthlyUsd }) => formatUsd(monthlyUsd) },
]

function bytesCell(usage: Usage | undefined): string {
  return usage ? formatBytes(usage.bytes) : ''
}

function printParts({ byLevel, byEpoch, metadata }: DatabaseDiskUsage): void {
  console.log()
  printTable<{ readonly family: string; readonly level: string; readonly usage: Usage }>(
    [
      ...byLevel.map(({ columnFamily, level, ...usage }) => ({
        family: shortened(printable(columnFamily), maxNameLength),
        level: level === null ? 'blobs' : `L${level}`,
        usage,
      })),
      { family: dim('(metadata)'), level: '', usage: metadata },
    ],
    [
      { title: 'column family', cell: ({ family }) => family },
      { title: 'level', cell: ({ level }) => level },
      { title: 'files', align: 'right', cell: ({ usage }) => formatCount(usage.objects) },
      { title: 'bytes', align: 'right', cell: ({ usage }) => formatBytes(usage.bytes) },
    ],
  )
  console.log()
  printTable(byEpoch, [
    { title: 'epoch', cell: ({ epoch }) => epochText(epoch) },
    { title: 'objects', align: 'right', cell: ({ objects }) => formatCount(objects) },
    { title: 'bytes', align: 'right', cell: ({ bytes }) => formatBytes(bytes) },
    { title: 'live', align: 'right', cell: ({ live }) => formatBytes(live.bytes) },
    { title: 'garbage', align: 'right', cell: ({ garbage }) => formatBytes(garbage.bytes) },
  ])
}

const maxNameLength = 40
