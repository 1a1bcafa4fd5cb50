#!/usr/bin/env node
import { Command, CommanderError } from '@commander-js/extra-typings'
import { buildCommand } from './build.js'
import { completeCommand, completionCommand } from './completion.js'
import { execCommand } from './exec.js'
import { exitCodeOf } from './exit-code.js'
import { printableMessage } from './output/text.js'
import { packageVersion } from './package-files.js'
import { serveCommand } from './serve.js'

const program = new Command('cloudenv')
  .description('RocksDB with its tables in an object store')
  .version(packageVersion)
  .enablePositionalOptions()
  .exitOverride()

for (const command of [execCommand, serveCommand, buildCommand, completionCommand])
  program.addCommand(command.exitOverride())
program.addCommand(completeCommand(program), { hidden: true })

// Who reads our output may have seen enough, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit()
  throw error
})

try {
  await program.parseAsync()
} catch (error) {
  // Commander has told already.
  if (!(error instanceof CommanderError)) console.error(`cloudenv: ${printableMessage(messageOf(error))}`)
  process.exitCode = exitCodeOf(error)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
