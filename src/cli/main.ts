#!/usr/bin/env node
import { Command, CommanderError } from '@commander-js/extra-typings'
import { buildCommand } from './build.js'
import { execCommand } from './exec.js'
import { serveCommand } from './serve.js'
import { UsageError } from './usage-error.js'

const program = new Command('cloudenv')
  .description('RocksDB with its tables in an object store')
  .enablePositionalOptions()
  .exitOverride()

for (const command of [execCommand, serveCommand, buildCommand]) program.addCommand(command.exitOverride())

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = exitCodeOf(error)
}

/** 2 where another command line would help, 1 where something failed. */
function exitCodeOf(error: unknown): number {
  // It has told already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  console.error(`cloudenv: ${error instanceof Error ? error.message : String(error)}`)
  const isUsage = error instanceof UsageError || error instanceof TypeError || error instanceof RangeError
  return isUsage ? 2 : 1
}
