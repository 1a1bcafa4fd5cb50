import { Command } from '@commander-js/extra-typings'
import type { StateSelector } from '../../env/state-selector.js'
import { printable } from '../../inspect/printable.js'
import type { CopyOptions, DatabaseCopy } from '../../operations/copy-database.js'
import { atOption } from '../at-option.js'
import { exitCode } from '../exit-code.js'
import { explainingNoDatabase, moving } from '../moving.js'
import { isAnySet, otherStore } from '../other-store.js'
import { counted, formatBytes } from '../output/text.js'
import { printJson } from '../output/write-json.js'
import { connectionOf, type InspectOptions, parseUrl, withInspectOptions } from '../store-options.js'
import { verifiedDeep } from '../verified-deep.js'

type CopyCommandOptions = InspectOptions & {
  readonly verify?: true
  readonly at?: StateSelector
  readonly toEndpoint?: string
  readonly toRegion?: string
  readonly toProfile?: string
}

export const copyCommand = withInspectOptions(
  new Command('copy')
    .description('copy a database to another place: the same bucket, another one, or another store')
    .argument('<url>', 'of the database: s3://bucket/path or file:///directory')
    .argument('<new>', 'URL of the copy, where nothing lies yet')
    .addOption(atOption)
    .option('--verify', 'also read the copy from end to end, and check the checksum of each block and blob')
    .option('--to-endpoint <url>', 'of the server of the copy, if it is another one')
    .option('--to-region <name>', 'of the bucket of the copy, if it is another one')
    .option('--to-profile <name>', 'for the store of the copy, if it is another one'),
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
    const copy = await copyDatabaseAt(url, newUrl, options)
    const { verify } = options
    if (verify && !(await verifiedDeep(copy.url, toNewStore(options)))) process.exitCode = exitCode.foundWrong
    if (options.json) await printJson<DatabaseCopy>(copy)
    else print(copy)
  })

async function copyDatabaseAt(
  url: string,
  newUrl: string,
  options: CopyCommandOptions,
): Promise<DatabaseCopy> {
  const { copyDatabase } = await import('../../operations/copy-database.js')
  const { at, cookie } = options
  const own = parseUrl(url, options)
  const target = parseUrl(newUrl, options)
  const source = options.source === undefined ? undefined : parseUrl(options.source, options)
  const isElsewhere = toNewStore(options) !== options
  const copyOptions: CopyOptions = {
    store: await connectionOf(options, own, source, isElsewhere ? undefined : target),
    ...(isElsewhere && { newStore: await connectionOf(toNewStore(options), target) }),
    ...(at !== undefined && { at }),
    ...(cookie !== undefined && { cookie }),
    ...(source !== undefined && { source }),
  }
  return await explainingNoDatabase(own, options, () =>
    moving('copying', (hooks) => copyDatabase(own, target, { ...copyOptions, ...hooks })),
  )
}

/** How to reach the store of the copy: the options themselves, unless some are for it alone. */
function toNewStore(options: CopyCommandOptions): InspectOptions {
  const { toEndpoint: endpoint, toRegion: region, toProfile: profile } = options
  const ofCopy = { endpoint, region, profile }
  return isAnySet(ofCopy) ? otherStore(options, ofCopy) : options
}

function print({ url, from, files, bytes, copiedFiles, copiedBytes, isServerSide }: DatabaseCopy): void {
  const there = files - copiedFiles
  const rest =
    there === 0 ? '' : `, ${counted(there, 'file')} of ${formatBytes(bytes - copiedBytes)} were there`
  const how = isServerSide ? ' within the store' : ''
  console.log(`${printable(url)} is a copy of ${printable(from)}`)
  console.log(`  copied ${counted(copiedFiles, 'file')} of ${formatBytes(copiedBytes)}${how}${rest}`)
}
