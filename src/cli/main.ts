#!/usr/bin/env node
import { exitCode } from './exit-code.js'
import { runCommandLine } from './program.js'

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader of our output may have seen enough, as `head` does.
  if (error.code === 'EPIPE') process.exit()
  console.error(`cloudenv: cannot write to standard output: ${error.message}`)
  process.exit(exitCode.noStore)
})

// Ignore errors on standard error: nobody is reading it. The result is on standard output.
process.stderr.on('error', () => {})

// The AWS SDK warns in every process on Node.js versions that it will stop supporting. That is for authors of programs.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'

await runCommandLine(process.argv.slice(2))
