#!/usr/bin/env node
import { exitCode } from './exit-code.js'
import { runCommandLine } from './program.js'

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // Who reads our output may have seen enough, as `head` does.
  if (error.code === 'EPIPE') process.exit()
  console.error(`cloudenv: cannot write to standard output: ${error.message}`)
  process.exit(exitCode.noStore)
})

// Who closed standard error wants no word of how it goes on, and where it cannot be written, there is nobody to tell.
// What was asked for is on standard output.
process.stderr.on('error', () => {})

// On a Node.js that it will not run on one day, the AWS SDK warns in every process: that is for who writes programs with it.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'

await runCommandLine(process.argv.slice(2))
