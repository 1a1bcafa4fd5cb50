import { Command } from '@commander-js/extra-typings'
import { printable } from '../../inspect/printable.js'
import type { Savepoint } from '../../operations/stand-alone.js'
import { explainingNoDatabase, moving } from '../moving.js'
import { isAnySet, otherStore } from '../other-store.js'
import { counted, formatBytes } from '../output/text.js'
import { printJson } from '../output/write-json.js'
import { connectionOf, parseUrl, withInspectOptions } from '../store-options.js'
import { UsageError } from '../usage-error.js'

export const savepointCommand = withInspectOptions(
  new Command('savepoint')
    .description('copy what a clone still reads at its source, so that it stands alone')
    .argument('<url>', 'of the clone: s3://bucket/path or file:///directory')
    .option('--source-endpoint <url>', 'of the server of the source, if it is another one')
    .option('--source-region <name>', 'of the bucket of the source, if it is another one')
    .option('--source-profile <name>', 'for the store of the source, if it is another one'),
)
  .addHelpText(
    'after',
    `
Whoever has the clone open may go on. Repeat an interrupted savepoint: what is there is not copied again.

Example:
  cloudenv savepoint s3://bucket/test/orders`,
  )
  .action(async (url, options) => {
    const { standAlone } = await import('../../operations/stand-alone.js')
    const own = parseUrl(url, options)
    const source = options.source === undefined ? undefined : parseUrl(options.source, options)
    const { cookie, sourceEndpoint, sourceRegion, sourceProfile } = options
    const savepoint = await explainingNoDatabase(own, options, async () => {
      const ofSource = { endpoint: sourceEndpoint, region: sourceRegion, profile: sourceProfile }
      const isElsewhere = isAnySet(ofSource)
      if (isElsewhere && source === undefined)
        throw new UsageError(
          '--source-endpoint, --source-region and --source-profile go with --source: add it',
        )
      const stores = {
        store: await connectionOf(options, own, isElsewhere ? undefined : source),
        ...(isElsewhere && { sourceStore: await connectionOf(otherStore(options, ofSource), source!) }),
      }
      const chosen = { ...(cookie !== undefined && { cookie }), ...(source !== undefined && { source }) }
      return await moving('copying', (hooks) => standAlone(own, { ...chosen, ...stores, ...hooks }))
    })
    if (options.json) return await printJson<Savepoint>(savepoint)
    const { copiedFiles, copiedBytes, isServerSide } = savepoint
    const how = isServerSide ? ' within the store' : ''
    const copied =
      copiedFiles === 0
        ? 'nothing to copy'
        : `copied ${counted(copiedFiles, 'file')} of ${formatBytes(copiedBytes)}${how}`
    console.log(`${printable(savepoint.url)} stands alone: ${copied}`)
  })
