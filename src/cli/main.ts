#!/usr/bin/env node
import { CommanderError } from '@commander-js/extra-typings'
import { exitCodeOf } from './exit-code.js'
import { printableMessage } from './output/text.js'
import { program } from './program.js'

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
