import { Command } from '@commander-js/extra-typings'
import { EnvError } from '../../env/env-error.js'
import { printable } from '../../inspect/printable.js'
import type { DatabaseImport } from '../../operations/import-database.js'
import { exitCode } from '../exit-code.js'
import { moving } from '../moving.js'
import { counted, formatBytes } from '../output/text.js'
import { printJson } from '../output/write-json.js'
import { connectionOf, parseUrl, withWritingOptions } from '../store-options.js'
import { UsageError } from '../usage-error.js'
import { verifiedDeep } from '../verified-deep.js'

export const importCommand = withWritingOptions(
  new Command('import')
    .description('make a database in a store of a plain one of RocksDB or LevelDB')
    .argument('<directory>', 'of the plain database, which no program has open')
    .argument('<url>', 'of the new database, where nothing lies yet: s3://bucket/path or file:///directory')
    .option(
      '--merge-operator <name>',
      'that merged values in the write-ahead log, one that comes with RocksDB',
    )
    .option('--scratch <dir>', 'for the preparation (default: <directory>.cloudenv-import)')
    .option('--no-verify', 'do not check the checksums of what is sent')
    .option('--verify-stored', 'also read the new database from end to end'),
)
  .addHelpText(
    'after',
    `
The directory stays as it is. Repeat an interrupted import: it goes on where it ended.

Example:
  cloudenv import ./orders s3://bucket/prod/orders`,
  )
  .action(async (directory, url, options) => {
    const { importDatabase } = await import('../../operations/import-database.js')
    const { scratch, mergeOperator, verify } = options
    const target = parseUrl(url, options)
    const store = await connectionOf(options, target)
    const imported = await moving('importing', (hooks) =>
      importDatabase(directory, target, {
        ...hooks,
        store,
        verify,
        ...(scratch !== undefined && { scratch }),
        ...(mergeOperator !== undefined && { mergeOperator }),
      }),
    ).catch((error: unknown) => {
      if (EnvError.is(error, 'NotFound')) throw new UsageError(error.message, { cause: error })
      throw error
    })
    if (options.verifyStored && !(await verifiedDeep(imported.url, store)))
      process.exitCode = exitCode.foundWrong
    if (options.json) await printJson<DatabaseImport>(imported)
    else print(imported)
  })

function print({ url, directory, files, bytes, sentFiles, sentBytes }: DatabaseImport): void {
  const there = files - sentFiles
  const rest =
    there === 0 ? '' : `, ${counted(there, 'file')} of ${formatBytes(bytes - sentBytes)} were there`
  console.log(`${printable(url)} is a database with the content of ${printable(directory)}`)
  console.log(`  sent ${counted(sentFiles, 'file')} of ${formatBytes(sentBytes)}${rest}`)
}
