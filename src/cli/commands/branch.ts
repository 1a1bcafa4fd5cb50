import { Command } from '@commander-js/extra-typings'
import { checkBranchName } from '../../operations/branch-name.js'
import { type BranchKind, createCommand, lsCommand, rmCommand } from '../branch-commands.js'

const kind: BranchKind = {
  noun: 'branch',
  argument: ['<cookie>', 'of the branch'],
  createDescription: 'begin a line of history at the same place, which is opened with this cookie',
  checkName: checkBranchName,
  isOne: ({ checkpoint }) => checkpoint === null,
  async create(url, cookie, options) {
    const { branchDatabase } = await import('../../operations/fork-database.js')
    return await branchDatabase(url, cookie, options)
  },
  async remove(url, cookie, options) {
    const { removeBranch } = await import('../../operations/branches.js')
    return await removeBranch(url, cookie, options)
  },
}

export const branchCommand = new Command('branch')
  .description('make, list and remove branches of a database: lines of history that share its tables')
  .addHelpText(
    'after',
    `
Examples:
  cloudenv branch create s3://bucket/prod/orders experiment
  cloudenv branch ls s3://bucket/prod/orders
  cloudenv branch rm s3://bucket/prod/orders experiment`,
  )
for (const command of [createCommand(kind), lsCommand(kind), rmCommand(kind)])
  branchCommand.addCommand(command.exitOverride())
