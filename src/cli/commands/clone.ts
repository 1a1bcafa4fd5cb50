import { Command } from '@commander-js/extra-typings'
import { printable } from '../../inspect/printable.js'
import type { DatabaseFork } from '../../operations/fork-database.js'
import { atOption } from '../at-option.js'
import { choiceOf, filesText, warnUnprotected } from '../branch-commands.js'
import { explainingNoDatabase } from '../moving.js'
import { newLocationOf, withNewStoreOptions } from '../new-location.js'
import { printJson } from '../output/write-json.js'
import { withInspectOptions } from '../store-options.js'

export const cloneCommand = withNewStoreOptions(
  withInspectOptions(
    new Command('clone')
      .description('make a database at another place that shares the tables of this one')
      .argument('<url>', 'of the database: s3://bucket/path or file:///directory')
      .argument('<new>', 'URL of the clone, where nothing lies yet')
      .addOption(atOption),
  ),
  'clone',
)
  .addHelpText(
    'after',
    `
Copies no table: the clone reads them where they lie, and both go their own ways. The database keeps what the clone needs.
"cloudenv savepoint" copies that later, and "cloudenv copy" does so at once.

Examples:
  cloudenv clone s3://bucket/prod/orders s3://bucket/test/orders
  cloudenv clone s3://bucket/prod/orders s3://bucket/rescue/orders --at 2026-11-27T08:00Z`,
  )
  .action(async (url, newUrl, options) => {
    const { cloneDatabase } = await import('../../operations/fork-database.js')
    const { own, target, ...location } = await newLocationOf(url, newUrl, options)
    const clone = await explainingNoDatabase(own, options, () =>
      cloneDatabase(own, target, { ...location, ...choiceOf(options) }),
    )
    if (options.json) return await printJson<DatabaseFork>(clone)
    console.log(`${printable(clone.url)} is a clone of ${printable(own)}: ${filesText(clone)}`)
    warnUnprotected(clone)
  })
