import { Command } from '@commander-js/extra-typings'
import { printable } from '../../inspect/printable.js'
import type { Savepoint } from '../../operations/stand-alone.js'
import { explainingNoDatabase, moving } from '../moving.js'
import { counted, formatBytes } from '../output/text.js'
import { printJson } from '../output/write-json.js'
import { locationOf, withInspectOptions } from '../store-options.js'

export const savepointCommand = withInspectOptions(
  new Command('savepoint')
    .description('copy what a clone still reads at its source, so that it stands alone')
    .argument('<url>', 'of the clone: s3://bucket/path or file:///directory'),
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
    const { own, ...location } = await locationOf(url, options)
    const { cookie } = options
    const savepoint = await explainingNoDatabase(own, options, () =>
      moving('copying', (hooks) =>
        standAlone(own, { ...hooks, ...location, ...(cookie !== undefined && { cookie }) }),
      ),
    )
    if (options.json) return await printJson<Savepoint>(savepoint)
    const { copiedFiles, copiedBytes, isServerSide } = savepoint
    const how = isServerSide ? ' within the store' : ''
    const copied =
      copiedFiles === 0
        ? 'nothing to copy'
        : `copied ${counted(copiedFiles, 'file')} of ${formatBytes(copiedBytes)}${how}`
    console.log(`${printable(savepoint.url)} stands alone: ${copied}`)
  })
