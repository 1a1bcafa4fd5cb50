import { Command } from '@commander-js/extra-typings'
import { checkCheckpointName } from '../../operations/branch-name.js'
import { type BranchKind, createCommand, lsCommand, rmCommand } from '../branch-commands.js'

const kind: BranchKind = {
  noun: 'checkpoint',
  argument: ['<name>', 'of the checkpoint'],
  createDescription: 'keep a state of a database under a name',
  checkName: checkCheckpointName,
  isOne: ({ checkpoint }) => checkpoint !== null,
  async create(url, name, options) {
    const { checkpointDatabase } = await import('../../operations/fork-database.js')
    return await checkpointDatabase(url, name, options)
  },
  async remove(url, name, options) {
    const { removeCheckpoint } = await import('../../operations/branches.js')
    return await removeCheckpoint(url, name, options)
  },
}

export const checkpointCommand = new Command('checkpoint')
  .description('keep states of a database under names, list and release them')
  .addHelpText(
    'after',
    `
Examples:
  cloudenv checkpoint create s3://bucket/prod/orders before-migration
  cloudenv checkpoint create s3://bucket/prod/orders noon --at 2026-11-27T12:00Z
  cloudenv checkpoint rm s3://bucket/prod/orders before-migration`,
  )
for (const command of [createCommand(kind), lsCommand(kind), rmCommand(kind)])
  checkpointCommand.addCommand(command.exitOverride())
