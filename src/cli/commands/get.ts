import { Command } from '@commander-js/extra-typings'
import type { GetJson } from '../../inspect/entry-json.js'
import { jsonBytes } from '../../inspect/json-bytes.js'
import { printableMessage } from '../../inspect/printable.js'
import { guarded } from '../crash-guard.js'
import { exitCode } from '../exit-code.js'
import { keyArgumentHelp, parseKey } from '../key-argument.js'
import { type DatabaseOptions, withDatabase, withDatabaseOptions } from '../open-database.js'
import { withProgress } from '../output/progress.js'
import { printJson } from '../output/write-json.js'
import { type ShownAs, shownAsOption, shownKey, shownValue } from '../shown-bytes.js'
import { parseUrl } from '../store-options.js'

export const getCommand = withDatabaseOptions(
  new Command('get')
    .description('print the value of a key, read straight from the bucket')
    .argument('<url>', 'of a database: s3://bucket/path or file:///directory')
    .argument('<key>', keyArgumentHelp)
    .addOption(shownAsOption)
    .addHelpText(
      'after',
      `
A key can be given as it is printed, with what is escaped in it, such as \\n or \\xff, in single quotes for the shell.

Examples:
  cloudenv get s3://bucket/prod/orders order/17
  cloudenv get s3://bucket/prod/orders order/17 --at 2026-11-27T08:00Z
  cloudenv get s3://bucket/prod/orders 0x00000011 --column-family by-number --as json
  cloudenv get s3://bucket/prod/orders -- -a-key-that-begins-with-a-dash`,
    )
    .configureOutput({
      outputError: (message, write) => {
        write(message)
        if (/unknown option/.test(message))
          write('A key that begins with a dash is the last argument, behind one that is --\n')
      },
    }),
).action((given, key, options) => {
  const url = parseUrl(given, options)
  return guarded(url, () => get(url, key, options))
})

async function get(
  url: string,
  keyArgument: string,
  options: DatabaseOptions & { readonly as: string },
): Promise<void> {
  const key = parseKey(keyArgument)
  const value = await withDatabase(url, { ...options, iterates: false }, ({ db, columnFamily }) =>
    withProgress('reading', {}, () => db.get(key, { columnFamily })),
  )
  const as = options.as as ShownAs
  if (options.json) {
    await printJson<GetJson>({
      columnFamily: options.columnFamily,
      key: jsonBytes(key),
      value: value === undefined ? null : jsonBytes(value),
    })
  } else if (value !== undefined) {
    console.log(shownValue(value, as, { indented: true }))
  }
  if (value === undefined) {
    const where = printableMessage(`column family ${options.columnFamily} of ${url}`)
    console.error(`cloudenv: there is no key ${shownKey(key, as)} in ${where}`)
    process.exitCode = exitCode.foundWrong
  }
}
