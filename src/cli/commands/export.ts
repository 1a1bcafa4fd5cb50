import { Command } from '@commander-js/extra-typings'
import { printable } from '../../inspect/printable.js'
import type { DatabaseExport } from '../../operations/export-database.js'
import { atOption } from '../at-option.js'
import { explainingNoDatabase, moving } from '../moving.js'
import { counted, formatBytes } from '../output/text.js'
import { printJson } from '../output/write-json.js'
import { locationOf, withInspectOptions } from '../store-options.js'

export const exportCommand = withInspectOptions(
  new Command('export')
    .description('write a database into a directory, as a plain database of RocksDB')
    .argument('<url>', 'of the database: s3://bucket/path or file:///directory')
    .argument('<directory>', 'where nothing is yet')
    .addOption(atOption)
    .option('--no-verify', 'do not check the checksums of what arrives'),
)
  .addHelpText(
    'after',
    `
Exports the last commit, or with --at a state before that. Whoever has the database open may go on writing.
Repeat an interrupted export: it goes on where it ended.

Example:
  cloudenv export s3://bucket/prod/orders ./orders && ldb --db=./orders scan`,
  )
  .action(async (url, directory, options) => {
    const { exportDatabase } = await import('../../operations/export-database.js')
    const { at, cookie, verify } = options
    const { own, ...location } = await locationOf(url, options)
    const exported = await explainingNoDatabase(own, options, () =>
      moving('exporting', (hooks) =>
        exportDatabase(own, directory, {
          ...hooks,
          ...location,
          verify,
          ...(at !== undefined && { at }),
          ...(cookie !== undefined && { cookie }),
        }),
      ),
    )
    if (options.json) await printJson<DatabaseExport>(exported)
    else print(exported)
  })

function print({ directory, from, files, bytes, fetchedFiles, fetchedBytes }: DatabaseExport): void {
  const there = files - fetchedFiles
  const rest =
    there === 0 ? '' : `, ${counted(there, 'file')} of ${formatBytes(bytes - fetchedBytes)} were there`
  console.log(`${printable(directory)} is a plain database with the content of ${printable(from)}`)
  console.log(`  fetched ${counted(fetchedFiles, 'file')} of ${formatBytes(fetchedBytes)}${rest}`)
}
