import { Command, CommanderError, type CommandUnknownOpts } from '@commander-js/extra-typings'
import { buildCommand } from './build.js'
import { completeCommand, completionCommand } from './completion.js'
import { duCommand } from './du.js'
import { execCommand } from './exec.js'
import { exitCodeOf } from './exit-code.js'
import { gcCommand } from './gc.js'
import { getCommand } from './get.js'
import { infoCommand } from './info.js'
import { lsCommand } from './ls.js'
import { manifestCommand } from './manifest.js'
import { printableMessage } from './output/text.js'
import { packageVersion } from './package-files.js'
import { scanCommand } from './scan.js'
import { serveCommand } from './serve.js'
import { sstCommand } from './sst.js'
import { tablesCommand } from './tables.js'
import { verifyCommand } from './verify.js'

const commands: readonly CommandUnknownOpts[] = [
  lsCommand,
  infoCommand,
  manifestCommand,
  tablesCommand,
  sstCommand,
  gcCommand,
  duCommand,
  getCommand,
  scanCommand,
  verifyCommand,
  execCommand,
  serveCommand,
  buildCommand,
  completionCommand,
]

/** `cloudenv` with all its commands. What goes wrong is thrown, not exited with. */
export const program: CommandUnknownOpts = new Command('cloudenv')
  .description('RocksDB with its tables in an object store')
  .version(packageVersion)
  .enablePositionalOptions()
  .exitOverride()

for (const command of commands) program.addCommand(command.exitOverride())
program.addCommand(completeCommand(program), { hidden: true })

/** Runs a command line, without the program's own name. What goes wrong is told on standard error and by the exit code. */
export async function runCommandLine(commandLine: readonly string[]): Promise<void> {
  try {
    await program.parseAsync(commandLine, { from: 'user' })
  } catch (error) {
    // Commander has told already.
    if (!(error instanceof CommanderError)) console.error(`cloudenv: ${printableMessage(messageOf(error))}`)
    process.exitCode = exitCodeOf(error)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
