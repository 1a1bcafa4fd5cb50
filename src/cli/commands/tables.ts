import { Command, Option } from '@commander-js/extra-typings'
import type { SurveyedState } from '../../catalog/survey.js'
import { quoted } from '../../format/quoted.js'
import type { EntryCounts } from '../../inspect/count-entries.js'
import { printable, shortened, shortenedBytes } from '../../inspect/printable.js'
import type { TableList } from '../../inspect/table-info.js'
import type { ListedTable, TableFilter } from '../../inspect/table-list.js'
import { exitCode } from '../exit-code.js'
import { keyArgumentHelp, parseKey } from '../key-argument.js'
import { noColumnFamily } from '../no-column-family.js'
import { red } from '../output/colour.js'
import { epochText } from '../output/epoch.js'
import { problemLines, problemText } from '../output/problem.js'
import { withProgress } from '../output/progress.js'
import { type Column, printTable } from '../output/table.js'
import { counted, formatAge, formatBytes, formatCount } from '../output/text.js'
import { printJson } from '../output/write-json.js'
import { withInspectOptions } from '../store-options.js'
import { stateOf, surveyed } from '../surveyed.js'
import { UsageError } from '../usage-error.js'

export const tablesCommand = withInspectOptions(
  new Command('tables')
    .description('list the live tables of a database')
    .argument('<url>', 'of the database: s3://bucket/path or file:///directory')
    .option('--level <number>', 'only tables of this level', parseLevel)
    .option('--column-family <name>', 'only its tables')
    .option('--key <key>', `only tables whose range holds this key: ${keyArgumentHelp}`, parseKey)
    .addOption(
      new Option('--sort <order>', 'as they are read, by first key, largest, oldest or lowest number first')
        .choices(['tree', 'key', 'size', 'age', 'number'] as const)
        .default('tree' as const),
    )
    .option('--entries', 'count the entries of each: a request a table')
    .addHelpText(
      'after',
      `
Where no table is as asked for, that is said on standard error, and nothing is wrong: the exit code is 0.

Examples:
  cloudenv tables s3://bucket/prod/orders --level 0
  cloudenv tables s3://bucket/prod/orders --key user:42 --entries`,
    ),
).action(async (url, options) => {
  const { tableInfos } = await import('../../inspect/table-info.js')
  const { listTables, sortTables } = await import('../../inspect/table-list.js')
  const { keyOrder } = await import('../../format/key-order.js')
  const { level, columnFamily, key, sort } = options
  await surveyed(url, options, async (survey) => {
    const state = await stateOf(survey, options)
    const filter: TableFilter = {
      ...(level !== undefined && { level }),
      ...(columnFamily !== undefined && { columnFamily }),
      ...(key !== undefined && { key }),
    }
    checkFilter(state, survey.url, filter, keyOrder)
    const tables = sortTables(listTables(state, filter), sort, state)
    const counts = options.entries ? await entryCounts(tables) : undefined
    const problems = [...state.problems, ...(counts?.problems ?? [])]

    if (options.json) {
      const facts = { entries: counts?.entries, problems }
      await printJson<TableList>(tableInfos(survey, state, tables, facts))
    } else {
      if (state.manifest) print(tables, counts?.entries)
      else console.log('tables: unknown')
      const lines = problemLines(problems, (problem) => problemText(problem, survey.url))
      for (const line of lines) console.log(red(line))
    }
    if (tables.length === 0 && state.tables.length > 0)
      console.error(`cloudenv: of ${counted(state.tables.length, 'table')} none is as asked for`)
    process.exitCode = problems.length > 0 ? exitCode.foundWrong : exitCode.good
  })
})

function parseLevel(text: string): number {
  if (/^\d{1,3}$/.test(text)) return Number(text)
  throw new UsageError(`expected --level to be a number such as 0, got ${JSON.stringify(text)}`)
}

/** @throws UsageError there is no such column family, or the order of keys in one is unknown here. */
function checkFilter(
  { manifest }: SurveyedState,
  url: string,
  { columnFamily, key }: TableFilter,
  keyOrder: (comparator: string | undefined) => unknown,
): void {
  if (!manifest) return
  const all = [...manifest.columnFamilies.values()]
  const chosen = all.filter(({ name }) => name === (columnFamily ?? name))
  if (columnFamily !== undefined && chosen.length === 0) {
    throw noColumnFamily(
      columnFamily,
      url,
      all.map(({ name }) => name),
    )
  }
  const unknown = key && chosen.find(({ comparator }) => !keyOrder(comparator))
  if (unknown) {
    throw new UsageError(
      `column family ${quoted(unknown.name)} is in the order of ${quoted(unknown.comparator ?? '')}, which is not ` +
        'known here: which tables may hold a key cannot be told. Choose others with --column-family, or leave --key out',
    )
  }
}

async function entryCounts(tables: readonly ListedTable[]): Promise<EntryCounts> {
  const { countEntries } = await import('../../inspect/count-entries.js')
  return await withProgress('counting entries', { unit: 'tables', total: tables.length }, (progress) =>
    countEntries(tables, () => progress.add(1)),
  )
}

function print(tables: readonly ListedTable[], entries: ReadonlyMap<number, number> | undefined): void {
  if (tables.length > 0) printTable(tables, columnsFor(tables, entries))
  const bytes = tables.reduce((sum, { table }) => sum + table.size, 0)
  console.log(`${tables.length > 0 ? '\n' : ''}${counted(tables.length, 'table')}, ${formatBytes(bytes)}`)
}

/** Leaves out columns that would say the same everywhere, or nothing. */
function columnsFor(
  tables: readonly ListedTable[],
  entries: ReadonlyMap<number, number> | undefined,
): Column<ListedTable>[] {
  const hasFamilies = tables.some(({ columnFamily }) => columnFamily !== 'default')
  const columns: (Column<ListedTable> | false | undefined)[] = [
    { title: 'table', cell: ({ table }) => String(table.number).padStart(6, '0') },
    hasFamilies && {
      title: 'column family',
      cell: ({ columnFamily }) => shortened(printable(columnFamily), shownKeyLength),
    },
    { title: 'level', cell: ({ table }) => `L${table.level}` },
    { title: 'size', align: 'right', cell: sizeCell },
    entries && {
      title: 'entries',
      align: 'right',
      cell: ({ table }) => {
        const count = entries.get(table.number)
        return count === undefined ? '?' : formatCount(count)
      },
    },
    { title: 'smallest key', cell: ({ table }) => shownKey(table.smallest.userKey) },
    { title: 'largest key', cell: ({ table }) => shownKey(table.largest.userKey) },
    { title: 'sequence', cell: sequenceCell },
    { title: 'epoch', cell: ({ epoch }) => epochText(epoch) },
    { title: 'age', align: 'right', cell: ({ created }) => (created ? formatAge(created) : '?') },
  ]
  return columns.filter((column) => typeof column === 'object')
}

function sizeCell({ table, stored }: ListedTable): string {
  if (!stored) return red('missing')
  if (stored.size !== table.size) return red(`${formatCount(stored.size)} of ${formatCount(table.size)} B`)
  return formatBytes(table.size)
}

function sequenceCell({ table: { smallestSequence, largestSequence } }: ListedTable): string {
  if (smallestSequence === undefined || largestSequence === undefined) return '?'
  return smallestSequence === largestSequence
    ? String(smallestSequence)
    : `${smallestSequence}-${largestSequence}`
}

const shownKeyLength = 24
const shownKey = (key: Uint8Array) => shortenedBytes(key, shownKeyLength)
