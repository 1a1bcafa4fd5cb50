#!/usr/bin/env node
import { runCommandLine } from './program.js'

// Who reads our output may have seen enough, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit()
  throw error
})

// Who closed standard error wants no word of how it goes on. What was asked for is on standard output.
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

await runCommandLine(process.argv.slice(2))
