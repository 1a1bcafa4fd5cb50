import { Command } from '@commander-js/extra-typings'
import type { RegistryEntry } from '../../catalog/registry.js'
import { printable } from '../../inspect/printable.js'
import { exitCode } from '../exit-code.js'
import { withProgress } from '../output/progress.js'
import { printTable } from '../output/table.js'
import { counted, formatAge } from '../output/text.js'
import { printJson } from '../output/write-json.js'
import { connectionOf, parseUrl, withWritingOptions } from '../store-options.js'

const bucketArgument = 'of the bucket, or of anything in it: s3://bucket or file:///directory'

const lsCommand = withWritingOptions(
  new Command('ls').description('list the databases of the registry').argument('<url>', bucketArgument),
).action(async (url, options) => {
  const { listRegistry } = await import('../../operations/registry.js')
  const own = parseUrl(url, options)
  const store = await connectionOf(options, own)
  const entries = await withProgress('reading', { unit: 'entries' }, (progress) =>
    listRegistry(own, { ...store, onEntry: () => progress.add(1) }),
  )
  if (options.json) return await printJson<readonly RegistryEntry[]>(entries)
  if (entries.length > 0) print(entries)
  console.log(`${printable(own)}: ${counted(entries.length, 'database')} in the registry`)
})

const findCommand = withWritingOptions(
  new Command('find')
    .description('print the path of a database by its id')
    .argument('<url>', bucketArgument)
    .argument('<id>', 'of the database, as its IDENTITY has it'),
).action(async (url, id, options) => {
  const { findInRegistry } = await import('../../operations/registry.js')
  const own = parseUrl(url, options)
  const entry = await findInRegistry(own, id, await connectionOf(options, own))
  if (!entry) return missing(own, id)
  if (options.json) await printJson<RegistryEntry>(entry)
  else console.log(printable(entry.path))
})

const rmCommand = withWritingOptions(
  new Command('rm')
    .description('remove the entry of a database that is not there any more; the database is not touched')
    .argument('<url>', bucketArgument)
    .argument('<id>', 'of the database'),
).action(async (url, id, options) => {
  const { removeFromRegistry } = await import('../../operations/registry.js')
  const own = parseUrl(url, options)
  if (!(await removeFromRegistry(own, id, await connectionOf(options, own)))) missing(own, id)
})

export const registryCommand = new Command('registry')
  .description('list, find and remove entries of the registry, by which rocksdb-cloud finds databases')
  .addHelpText(
    'after',
    `
Examples:
  cloudenv registry ls s3://bucket
  cloudenv registry find s3://bucket 8d2ef1a5-51bc-4b43-a1f1-a0d5dbd17d6f`,
  )
for (const command of [lsCommand, findCommand, rmCommand]) registryCommand.addCommand(command.exitOverride())

function print(entries: readonly RegistryEntry[]): void {
  printTable(entries, [
    { title: 'id', cell: ({ id }) => printable(id) },
    { title: 'path', cell: ({ path }) => printable(path) },
    { title: 'registered', align: 'right', cell: ({ registered }) => `${formatAge(registered)} ago` },
  ])
}

function missing(url: string, id: string): void {
  console.error(`cloudenv: the registry of ${printable(url)} has no database ${printable(id)}`)
  process.exitCode = exitCode.foundWrong
}
