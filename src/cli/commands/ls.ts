import { Command } from '@commander-js/extra-typings'
import type { DatabaseList, ListedState } from '../../inspect/database-list.js'
import { printable } from '../../inspect/printable.js'
import { urlPath } from '../../store/store-url.js'
import { checkNoSource } from '../check-no-source.js'
import { exitCode } from '../exit-code.js'
import { foundDatabases } from '../found-databases.js'
import { red } from '../output/colour.js'
import { epochText } from '../output/epoch.js'
import { problemLine } from '../output/problem.js'
import { withProgress } from '../output/progress.js'
import { type Column, printTable } from '../output/table.js'
import { formatAge, formatBytes, formatCount } from '../output/text.js'
import { printJson } from '../output/write-json.js'
import { type InspectOptions, withInspectOptions, withPlaces } from '../store-options.js'

export const lsCommand = withInspectOptions(
  new Command('ls')
    .description('list the databases below a prefix')
    .argument('<url>', 's3://bucket/prefix or file:///directory')
    .addHelpText('after', '\nExample:\n  cloudenv ls s3://bucket/prod'),
).action(async (url, options) => {
  checkNoSource(options, 'ls', 'it reads no clone of one')
  const list = await listDatabases(url, options)
  if (options.json) await printJson<DatabaseList>(list)
  else print(list, options)
  const isDamaged = list.databases.some(({ states }) => states.some(({ problems }) => problems.length > 0))
  process.exitCode = isDamaged ? exitCode.foundWrong : exitCode.good
})

async function listDatabases(url: string, options: InspectOptions): Promise<DatabaseList> {
  const { databaseUrl } = await import('../../catalog/database-place.js')
  const { listedDatabases } = await import('../../inspect/database-list.js')
  return await withPlaces(url, options, async ([place]) => {
    const { databases: found } = await foundDatabases(place, { withLost: true })
    const databases = await withProgress('reading', { unit: 'databases', total: found.length }, (progress) =>
      listedDatabases(found, { cookie: options.cookie, onDatabase: () => progress.add(1) }),
    )
    return { url: databaseUrl(place), databases }
  })
}

function print({ url, databases }: DatabaseList, { cookie }: InspectOptions): void {
  if (databases.length === 0) {
    const wanted = cookie ? `No database with a CLOUDMANIFEST-${printable(cookie)}` : 'No database'
    console.log(`${wanted} lies at or below ${printable(url)}.`)
    return
  }
  const rows = databases.flatMap((database) => database.states.map((state) => ({ database, state })))
  printTable(rows, [
    { title: 'database', cell: ({ database }) => (database.path === '' ? '.' : urlPath(database.path)) },
    ...(rows.some(({ state }) => state.cookie !== '') ? [cookieColumn] : []),
    { title: 'epoch', cell: ({ state }) => (state.epoch === null ? red('damaged') : epochText(state.epoch)) },
    { title: 'tables', align: 'right', cell: ({ state }) => shown(state.tables, formatCount) },
    { title: 'size', align: 'right', cell: ({ state }) => shown(state.tableBytes, formatBytes) },
    { title: 'stored', align: 'right', cell: ({ database }) => formatBytes(database.storedBytes) },
    { title: 'last write', align: 'right', cell: ({ database }) => `${formatAge(database.lastWrite)} ago` },
  ])
  for (const { state } of rows) for (const problem of state.problems) console.log(`\n${problemLine(problem)}`)
}

const cookieColumn: Column<{ readonly state: ListedState }> = {
  title: 'cookie',
  cell: ({ state }) => (state.cookie === '' ? '-' : printable(state.cookie)),
}

function shown(value: number | null, format: (value: number) => string): string {
  return value === null ? '?' : format(value)
}
