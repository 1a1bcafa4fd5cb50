#!/usr/bin/env node
import { runCommandLine } from './program.js'

// Who reads our output may have seen enough, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit()
  throw error
})

await runCommandLine(process.argv.slice(2))
