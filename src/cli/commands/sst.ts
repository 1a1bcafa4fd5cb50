import { Command } from '@commander-js/extra-typings'
import { printableMessage } from '../../inspect/printable.js'
import type { RangedSource } from '../../table/ranged-source.js'
import type { TableReader } from '../../table/table-reader.js'
import { checkNoCookie } from '../check-no-cookie.js'
import { exitCode } from '../exit-code.js'
import { findTable } from '../find-table.js'
import { keyArgumentHelp, parseKey } from '../key-argument.js'
import { parseLimit } from '../limit-argument.js'
import { splitObjectUrl } from '../object-url.js'
import { withProgress } from '../output/progress.js'
import { printBlocks, printIndex } from '../output/sst-blocks.js'
import { printEntries } from '../output/sst-entries.js'
import { printProperties } from '../output/sst-properties.js'
import { type ShownAs, shownAsOption } from '../shown-bytes.js'
import { type InspectOptions, withInspectOptions, withPlaces } from '../store-options.js'
import { TableProblems } from '../table-problems.js'
import { UsageError } from '../usage-error.js'

interface SstOptions extends InspectOptions {
  readonly index?: true
  readonly blocks?: true
  readonly entries?: true
  readonly from?: Buffer
  readonly to?: Buffer
  readonly limit?: number
  readonly as: ShownAs
}

export const sstCommand = withInspectOptions(
  new Command('sst')
    .description('print what is in a table: its properties, index, blocks or entries')
    .argument(
      '<url>',
      "of a database with the table's name: s3://bucket/path/000017.sst or …/000017.sst-<epoch>",
    )
    .option('--index', 'the data blocks, as the index has them')
    .option('--blocks', 'all blocks, each of them read and checked')
    .option('--entries', 'keys and values, with all versions and deletions')
    .option('--from <key>', `entries from this key on (${keyArgumentHelp})`, parseKey)
    .option('--to <key>', 'entries before this key', parseKey)
    .option('--limit <count>', 'at most so many entries', parseLimit)
    .addOption(shownAsOption)
    .addHelpText(
      'after',
      `
Only the parts of the table that are needed are fetched. A name without an epoch is looked up in the
CLOUDMANIFEST. An entry is a key, its sequence number, its type and a value; where the table was ingested
and only the MANIFEST has the number, it is shown as -.

Examples:
  cloudenv sst s3://bucket/prod/orders/000017.sst
  cloudenv sst s3://bucket/prod/orders/000017.sst --entries --from order/17 --limit 10`,
    ),
).action(async (url, given, command) => {
  const options: SstOptions = { ...given, as: given.as as ShownAs }
  checkOptions(options, { isFormGiven: command.getOptionValueSource('as') === 'cli' })
  const { databaseUrl, name } = splitObjectUrl(url)
  if (name?.kind !== 'table') {
    throw new UsageError(
      `${url} names no table: expected s3://bucket/path/000017.sst, with or without -<epoch>`,
    )
  }
  if (name.epoch !== '') checkNoCookie(options, url)
  const problems = await withPlaces(databaseUrl, options, async (places, openPlace) => {
    const source = await findTable(places, name, options.cookie ?? '', openPlace)
    return await show(source, options)
  })
  if (problems > 0) process.exitCode = exitCode.foundWrong
})

function checkOptions(
  { index, blocks, entries, from, to, limit }: SstOptions,
  { isFormGiven }: { readonly isFormGiven: boolean },
): void {
  if ([index, blocks, entries].filter(Boolean).length > 1) {
    throw new UsageError('--index, --blocks and --entries exclude one another')
  }
  if (!entries && (from ?? to ?? limit) !== undefined) {
    throw new UsageError('--from, --to and --limit are of use with --entries alone')
  }
  if (isFormGiven && !(index || blocks || entries)) {
    throw new UsageError('--as is of use with --index, --blocks and --entries, which print keys')
  }
}

/** Prints the requested parts. @returns the number of problems. */
async function show(source: RangedSource, options: SstOptions): Promise<number> {
  const problems = new TableProblems(source.name)
  const reader = await openTable(source, problems)
  if (options.entries) {
    if (reader) await printEntries(reader, problems, options)
    for (const { code, message } of problems.all)
      console.error(`cloudenv: ${code}: ${printableMessage(message)}`)
  } else if (options.index) await printIndex({ source, reader, problems }, options)
  else if (options.blocks) await printBlocks({ source, reader, problems }, options)
  else await printProperties(source, reader, problems, options)
  return problems.all.length
}

async function openTable(source: RangedSource, { note }: TableProblems): Promise<TableReader | undefined> {
  const { TableReader } = await import('../../table/table-reader.js')
  try {
    return await withProgress('opening', {}, () => TableReader.open(source))
  } catch (error) {
    note(error)
    return undefined
  }
}
