import { Command } from '@commander-js/extra-typings'
import { printable } from '../../inspect/printable.js'
import type { DatabaseCopy } from '../../operations/copy-database.js'
import { atOption } from '../at-option.js'
import { choiceOf } from '../branch-commands.js'
import { exitCode } from '../exit-code.js'
import { explainingNoDatabase, moving } from '../moving.js'
import { newLocationOf, withNewStoreOptions } from '../new-location.js'
import { counted, formatBytes } from '../output/text.js'
import { printJson } from '../output/write-json.js'
import { withInspectOptions } from '../store-options.js'
import { verifiedDeep } from '../verified-deep.js'

export const copyCommand = withNewStoreOptions(
  withInspectOptions(
    new Command('copy')
      .description('copy a database to another place: the same bucket, another one, or another store')
      .argument('<url>', 'of the database: s3://bucket/path or file:///directory')
      .argument('<new>', 'URL of the copy, where nothing lies yet')
      .addOption(atOption)
      .option(
        '--verify',
        'also read the copy from end to end, and check the checksum of each block and blob',
      ),
  ),
  'copy',
)
  .addHelpText(
    'after',
    `
Copies the last commit, or with --at a state before that. Whoever has the database open may go on writing. Repeat an
interrupted copy: it goes on where it ended.

Examples:
  cloudenv copy s3://bucket/prod/orders s3://bucket/backup/orders
  cloudenv copy s3://bucket/prod/orders s3://bucket/prod/orders-before --at 2026-11-27T08:00Z`,
  )
  .action(async (url, newUrl, options) => {
    const { copyDatabase } = await import('../../operations/copy-database.js')
    const { own, target, ...location } = await newLocationOf(url, newUrl, options)
    const copyOptions = { ...location, ...choiceOf(options) }
    const copy = await explainingNoDatabase(own, options, () =>
      moving('copying', (hooks) => copyDatabase(own, target, { ...copyOptions, ...hooks })),
    )
    const { store, newStore = store } = location
    if (options.verify && !(await verifiedDeep(copy.url, newStore))) process.exitCode = exitCode.foundWrong
    if (options.json) await printJson<DatabaseCopy>(copy)
    else print(copy)
  })

function print({ url, from, files, bytes, copiedFiles, copiedBytes, isServerSide }: DatabaseCopy): void {
  const there = files - copiedFiles
  const rest =
    there === 0 ? '' : `, ${counted(there, 'file')} of ${formatBytes(bytes - copiedBytes)} were there`
  const how = isServerSide ? ' within the store' : ''
  console.log(`${printable(url)} is a copy of ${printable(from)}`)
  console.log(`  copied ${counted(copiedFiles, 'file')} of ${formatBytes(copiedBytes)}${how}${rest}`)
}
