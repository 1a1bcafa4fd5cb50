import { Command } from '@commander-js/extra-typings'
import type { History } from '../../catalog/history.js'
import type { HistoryState } from '../../catalog/history-states.js'
import type { HistoryReport } from '../../inspect/history-report.js'
import { printable, shortened } from '../../inspect/printable.js'
import { exitCode } from '../exit-code.js'
import { parseLimit } from '../limit-argument.js'
import { noDatabase } from '../no-database.js'
import { dim, red } from '../output/colour.js'
import { epochText } from '../output/epoch.js'
import { problemLines, problemText } from '../output/problem.js'
import { withProgress } from '../output/progress.js'
import { printTable } from '../output/table.js'
import { counted, formatBytes, formatSeconds } from '../output/text.js'
import { printJson } from '../output/write-json.js'
import { withInspectOptions, withRootedPlaces } from '../store-options.js'

const defaultLimit = 100

export const historyCommand = withInspectOptions(
  new Command('history')
    .description('list the states that a database had, and whether each can still be opened')
    .argument('<url>', 'of a database: s3://bucket/path or file:///directory')
    .option('--limit <count>', 'at most so many, the newest', parseLimit, defaultLimit)
    .addHelpText(
      'after',
      `
A state is opened by its time or sequence number: cloudenv get --at, or the option "at" of a program. Nothing records
when a commit was made: its time is that of the newest file it added.

Example:
  cloudenv history s3://bucket/prod/orders`,
    ),
).action(async (url, options) => {
  const { readHistory } = await import('../../catalog/history.js')
  const { historyReport } = await import('../../inspect/history-report.js')
  const { cookie = '', limit } = options
  await withRootedPlaces(url, options, async (places, openPlace) => {
    const history = await withProgress('looking', { unit: 'objects' }, (progress) =>
      readHistory(places, cookie, { limit, openPlace, onObject: () => progress.add(1) }),
    )
    if (!history) throw await noDatabase(places[0], cookie)
    if (options.json) await printJson<HistoryReport>(historyReport(places[0], history))
    else print(history)
    process.exitCode = history.problems.length > 0 ? exitCode.foundWrong : exitCode.good
  })
})

function print(history: History): void {
  const { url, states, hasMore, retentionMs, problems } = history
  if (states.length > 0) {
    printTable(states, [
      { title: 'time', cell: ({ time }) => time?.toISOString() ?? '?' },
      { title: 'epoch', cell: ({ epoch }) => epochText(epoch) },
      { title: 'sequence', align: 'right', cell: ({ sequence }) => String(sequence) },
      { title: 'tables', align: 'right', cell: ({ tables }) => String(tables) },
      { title: 'size', align: 'right', cell: ({ bytes }) => formatBytes(bytes) },
      { title: 'change', cell: changeText },
      { title: 'can be opened', cell: openableText },
    ])
    console.log()
  }
  const openable = states.filter(({ isOpenable }) => isOpenable).length
  const shown = `${counted(states.length, 'state')}, ${openable} of them can be opened`
  console.log(`${shown}${hasMore ? `; there are older ones: --limit ${10 * states.length}` : ''}`)
  const kept =
    retentionMs === undefined
      ? 'its owner has not recorded how long it keeps the objects of past states'
      : `its owner keeps the objects of past states for ${formatSeconds(retentionMs / 1000)}`
  console.log(dim(`${printable(url)}: ${kept}`))
  for (const line of problemLines(problems, (problem) => problemText(problem, url))) console.log(red(line))
}

const maxNameLength = 24

/** `+1 -4 L1`: a compaction of four tables to one in level 1. */
function changeText({ change }: HistoryState): string {
  const { isBeginning, addedTables, removedTables, levels, addedBlobFiles } = change
  const name = (text: string) => shortened(printable(text), maxNameLength)
  const parts = [
    isBeginning && 'MANIFEST begins',
    addedTables > 0 && `+${addedTables}`,
    removedTables > 0 && `-${removedTables}`,
    levels.length > 0 && levels.map((level) => `L${level}`).join(' '),
    addedBlobFiles > 0 && `+${counted(addedBlobFiles, 'blob file')}`,
    ...change.addedFamilies.map((family) => `+column family ${name(family)}`),
    ...change.droppedFamilies.map((family) => `-column family ${name(family)}`),
  ]
  return parts.filter((part) => part !== false).join(' ')
}

function openableText({ isOpenable, missingTables }: HistoryState): string {
  if (isOpenable) return 'yes'
  return missingTables > 0 ? `no: ${counted(missingTables, 'table')} gone` : 'no: a blob file is gone'
}
