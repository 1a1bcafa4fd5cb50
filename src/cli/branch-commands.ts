import { Command } from '@commander-js/extra-typings'
import { leftPinMessage } from '../catalog/clone.js'
import type { StateSelector } from '../env/state-selector.js'
import { printable } from '../inspect/printable.js'
import type { Branch, RemovedBranch, RemoveOptions } from '../operations/branches.js'
import type { DatabaseFork, ForkOptions } from '../operations/fork-database.js'
import { asUsage } from './as-usage.js'
import { atOption } from './at-option.js'
import { explainingNoDatabase } from './moving.js'
import { yellow } from './output/colour.js'
import { printTable } from './output/table.js'
import { counted, formatAge, formatBytes } from './output/text.js'
import { printJson } from './output/write-json.js'
import {
  type ConnectionOptions,
  connectionOf,
  locationOf,
  parseUrl,
  withInspectOptions,
  withSourceOptions,
  withWritingOptions,
} from './store-options.js'

/** One kind of lines of history that a command makes, lists and removes. */
export interface BranchKind {
  /** `branch` or `checkpoint`. */
  readonly noun: string
  /** Argument that names one, and what it is. */
  readonly argument: readonly [name: string, description: string]
  readonly createDescription: string
  /** @throws TypeError for a name that one can't have. */
  checkName(name: string): void
  /** Reports whether a line is of this kind. */
  isOne(branch: Branch): boolean
  create(url: string, name: string, options: ForkOptions): Promise<DatabaseFork>
  remove(url: string, name: string, options: RemoveOptions): Promise<RemovedBranch>
}

const urlArgument = 'of the database: s3://bucket/path or file:///directory'

/** Options of commands that begin with a state of a database. */
export interface StateChoice extends ConnectionOptions {
  readonly cookie?: string
  readonly at?: StateSelector
}

export function createCommand({ noun, argument, createDescription, checkName, create }: BranchKind) {
  return withInspectOptions(
    new Command('create')
      .description(createDescription)
      .argument('<url>', urlArgument)
      .argument(...argument)
      .addOption(atOption),
  ).action(async (url, name, options) => {
    const { own, ...location } = await locationOf(url, options)
    asUsage(() => checkName(name))
    const fork = await explainingNoDatabase(own, options, () =>
      create(own, name, { ...location, ...choiceOf(options) }),
    )
    if (options.json) return await printJson<DatabaseFork>(fork)
    console.log(`${printable(fork.url)} has the ${noun} ${printable(name)}, of ${filesText(fork)}`)
    warnUnprotected(fork)
  })
}

export function lsCommand({ noun, isOne }: BranchKind) {
  return withWritingOptions(
    new Command('ls').description(`list the ${plural(noun)} of a database`).argument('<url>', urlArgument),
  ).action(async (url, options) => {
    const { listBranches } = await import('../operations/branches.js')
    const own = parseUrl(url, options)
    const branches = (await listBranches(own, await connectionOf(options, own))).filter(isOne)
    if (options.json) return await printJson<readonly Branch[]>(branches)
    if (branches.length > 0)
      printTable(branches, [
        { title: noun, cell: ({ cookie, checkpoint }) => printable(checkpoint ?? (cookie || 'none')) },
        {
          title: 'last commit',
          align: 'right',
          cell: ({ committed }) => (committed ? `${formatAge(committed)} ago` : 'damaged'),
        },
        { title: 'epoch', cell: ({ epoch }) => epoch ?? '' },
        { title: 'tables', align: 'right', cell: ({ tables }) => String(tables) },
      ])
    console.log(`${printable(own)}: ${counted(branches.length, noun)}`)
  })
}

export function rmCommand({ noun, argument, remove }: BranchKind) {
  return withSourceOptions(
    withWritingOptions(
      new Command('rm')
        .description(`remove a ${noun}; what only it needed becomes garbage`)
        .argument('<url>', urlArgument)
        .argument(...argument),
    ),
  ).action(async (url, name, options) => {
    const { own, store, ...source } = await locationOf(url, options)
    const { leftPins } = await remove(own, name, { ...store, ...source })
    for (const left of leftPins)
      console.error(
        yellow(
          `${printable(leftPinMessage(`the ${noun} ${name} of ${own} is gone`, left))}. Remove that object by hand, with "aws s3 rm" or the like`,
        ),
      )
  })
}

/** The state that the options name. */
export function choiceOf({ cookie, at }: StateChoice): Pick<ForkOptions, 'cookie' | 'at'> {
  return { ...(cookie !== undefined && { cookie }), ...(at !== undefined && { at }) }
}

export function filesText({ files, bytes }: DatabaseFork): string {
  return `${counted(files, 'file')} of ${formatBytes(bytes)}, none of them copied`
}

export function warnUnprotected({ unprotected }: DatabaseFork): void {
  for (const { url, reason } of unprotected)
    console.error(
      yellow(
        `${printable(url)} refuses to note that its tables are needed (${printable(reason)}): its owner may delete them. Allow ` +
          'writing there, or copy the tables with "cloudenv savepoint"',
      ),
    )
}

function plural(noun: string): string {
  return noun === 'branch' ? 'branches' : `${noun}s`
}
