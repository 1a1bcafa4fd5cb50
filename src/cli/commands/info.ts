import { Command } from '@commander-js/extra-typings'
import type { Problem } from '../../catalog/problem.js'
import type { DatabaseInfo } from '../../inspect/database-info.js'
import type { LsmLevel, LsmTree } from '../../inspect/lsm-tree.js'
import { printable, shortened, shortenedBytes } from '../../inspect/printable.js'
import { exitCode } from '../exit-code.js'
import { bar } from '../output/bar.js'
import { bold, cyan, green, red, yellow } from '../output/colour.js'
import { epochText } from '../output/epoch.js'
import { problemKeys, problemLines, problemText } from '../output/problem.js'
import { type Column, tableLines } from '../output/table.js'
import { counted, formatAge, formatBytes, formatCount } from '../output/text.js'
import { usageText } from '../output/usage.js'
import { printJson } from '../output/write-json.js'
import { withInspectOptions } from '../store-options.js'
import { stateOf, surveyed } from '../surveyed.js'

export const infoCommand = withInspectOptions(
  new Command('info')
    .description(
      'show one database: identity, epochs, the levels of its tables, what is live, garbage and missing',
    )
    .argument('<url>', 'of the database: s3://bucket/path or file:///directory')
    .addHelpText('after', '\nExample:\n  cloudenv info s3://bucket/prod/orders'),
).action(async (url, options) => {
  const { databaseInfo } = await import('../../inspect/database-info.js')
  const { lsmTrees } = await import('../../inspect/lsm-tree.js')
  const { identityProblems } = await import('../../catalog/identity.js')
  await surveyed(url, options, async (survey) => {
    const state = await stateOf(survey, options)
    const trees = state.manifest && lsmTrees(state.manifest)
    const problems = [...state.problems, ...identityProblems(survey)]
    const info = databaseInfo(survey, state, trees, problems)
    if (options.json) await printJson<DatabaseInfo>(info)
    else print(info, trees ?? [], problems)
    process.exitCode = problems.length > 0 ? exitCode.foundWrong : exitCode.good
  })
})

function print(info: DatabaseInfo, trees: readonly LsmTree[], problems: readonly Problem[]): void {
  console.log(bold(printable(info.url)))
  for (const line of linesOfFacts(factsOf(info))) console.log(line)
  const largest = trees.flatMap(({ levels }) => levels).reduce((most, { bytes }) => Math.max(most, bytes), 0)
  for (const tree of trees) {
    console.log()
    for (const line of drawing(tree, largest)) console.log(line)
  }
  if (problems.length === 0) return
  console.log(red(`\n${counted(problems.length, 'problem')}:`))
  const lineOf = (problem: Problem) => {
    const keys = problemKeys(problem)
    return `${problemText(problem, info.url)}${keys === '' ? '' : ` (${keys})`}`
  }
  for (const line of problemLines(problems, lineOf)) console.log(`  ${line}`)
}

type Fact = readonly [name: string, value: string]

function factsOf(info: DatabaseInfo): Fact[] {
  const { identity, cookie, cookies, epoch, pastEpochs, lastCommit, lastSequence, objects, missing } = info
  const facts: (Fact | false)[] = [
    ['identity', identity === null ? red('missing') : identity === '' ? red('empty') : shownName(identity)],
    (cookie !== '' || cookies.length > 1) && ['cookie', cookie === '' ? '(none)' : shownName(cookie)],
    cookies.length > 1 && ['other cookies', otherCookies(info)],
    [
      'epoch',
      epoch === null
        ? red('unreadable')
        : `${epochText(epoch)}${pastEpochs?.length ? `, after ${formatCount(pastEpochs.length)} before it` : ''}`,
    ],
    [
      'last commit',
      lastCommit === null ? red('unreadable') : `${formatAge(lastCommit)} ago, ${lastCommit.toISOString()}`,
    ],
    lastSequence !== null && ['last sequence', formatCount(lastSequence)],
    ['live', green(usageText(objects.live))],
    ['garbage', garbageText(objects)],
    ['missing', missing === null ? 'unknown' : missing > 0 ? red(counted(missing, 'object')) : 'none'],
    objects.undecided.objects > 0 && ['undecided', yellow(usageText(objects.undecided))],
    objects.source.objects > 0 && ["the source's own", usageText(objects.source)],
    objects.foreign.objects > 0 && ['of others', usageText(objects.foreign)],
  ]
  return facts.filter((fact) => fact !== false)
}

function otherCookies({ cookie, cookies }: DatabaseInfo): string {
  const others = cookies
    .filter((other) => other !== cookie)
    .map((other) => (other === '' ? '(none)' : shownName(other)))
  const more = others.length > maxCookies ? ` and ${formatCount(others.length - maxCookies)} more` : ''
  return `${others.slice(0, maxCookies).join(', ')}${more}`
}

const maxCookies = 10

function garbageText({ garbage, undecided }: DatabaseInfo['objects']): string {
  if (garbage.objects > 0) return yellow(usageText(garbage))
  return undecided.objects > 0 ? 'unknown' : 'none'
}

function linesOfFacts(facts: readonly Fact[]): string[] {
  const width = Math.max(...facts.map(([name]) => name.length))
  return facts.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`)
}

const barWidth = 24
const shownKeyLength = 24

/** Drawing of the tree: a bar for each level, with the largest level of all trees at full width. */
function drawing(tree: LsmTree, largest: number): string[] {
  const { columnFamily, levels, tables, bytes, blobFiles, blobBytes } = tree
  const { name, comparator } = columnFamily
  const blobs = blobFiles > 0 ? `, ${counted(blobFiles, 'blob file')} with ${formatBytes(blobBytes)}` : ''
  const order = comparator === undefined ? '' : ` (${shownName(comparator)})`
  return [
    `${bold(shownName(name))}${order}: ${counted(tables, 'table')}, ${formatBytes(bytes)}${blobs}`,
    ...(levels.length === 0 ? [] : tableLines(levels, levelColumns(largest)).map((line) => `  ${line}`)),
  ]
}

function levelColumns(largest: number): Column<LsmLevel>[] {
  return [
    { title: 'level', cell: ({ level }) => `L${level}` },
    // Padded here, so that the columns after it stand at the same place in every tree.
    { title: ' '.repeat(barWidth), cell: ({ bytes }) => cyan(bar(bytes, largest, barWidth)) },
    { title: 'tables', align: 'right', cell: ({ tables }) => formatCount(tables) },
    { title: 'size', align: 'right', cell: ({ bytes }) => formatBytes(bytes) },
    {
      title: 'keys',
      cell: ({ range }) => (range ? `${shownKey(range.smallest)} … ${shownKey(range.largest)}` : '?'),
    },
  ]
}

const shownKey = (key: Uint8Array) => shortenedBytes(key, shownKeyLength)
const shownNameLength = 100
const shownName = (name: string) => shortened(printable(name), shownNameLength)
