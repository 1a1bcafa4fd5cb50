import { Command, CommanderError, type CommandUnknownOpts } from '@commander-js/extra-typings'
import { printableMessage } from '../inspect/printable.js'
import { checkArguments } from './check-arguments.js'
import { branchCommand } from './commands/branch.js'
import { buildCommand } from './commands/build.js'
import { checkpointCommand } from './commands/checkpoint.js'
import { cloneCommand } from './commands/clone.js'
import { completeCommand, completionCommand } from './commands/completion.js'
import { copyCommand } from './commands/copy.js'
import { duCommand } from './commands/du.js'
import { execCommand } from './commands/exec.js'
import { exportCommand } from './commands/export.js'
import { gcCommand } from './commands/gc.js'
import { getCommand } from './commands/get.js'
import { historyCommand } from './commands/history.js'
import { importCommand } from './commands/import.js'
import { infoCommand } from './commands/info.js'
import { lsCommand } from './commands/ls.js'
import { manifestCommand } from './commands/manifest.js'
import { registryCommand } from './commands/registry.js'
import { savepointCommand } from './commands/savepoint.js'
import { scanCommand } from './commands/scan.js'
import { serveCommand } from './commands/serve.js'
import { sstCommand } from './commands/sst.js'
import { tablesCommand } from './commands/tables.js'
import { verifyCommand } from './commands/verify.js'
import { exitCodeOf } from './exit-code.js'
import { packageVersion } from './package-files.js'

const commands: readonly CommandUnknownOpts[] = [
  lsCommand,
  infoCommand,
  historyCommand,
  manifestCommand,
  tablesCommand,
  sstCommand,
  gcCommand,
  duCommand,
  getCommand,
  scanCommand,
  verifyCommand,
  branchCommand,
  checkpointCommand,
  cloneCommand,
  savepointCommand,
  copyCommand,
  exportCommand,
  importCommand,
  registryCommand,
  execCommand,
  serveCommand,
  buildCommand,
  completionCommand,
]

/** `cloudenv` with all its commands. It throws errors instead of exiting with them. */
export const program: CommandUnknownOpts = new Command('cloudenv')
  .description('RocksDB with its tables in an object store')
  .version(packageVersion)
  .enablePositionalOptions()
  .exitOverride()
  .hook('preAction', (_program, command) => checkArguments(command))

for (const command of commands) program.addCommand(command.exitOverride())
program.addCommand(completeCommand(program), { hidden: true })

/** Runs a command line, without the program's own name. Reports errors on standard error and by the exit code. */
export async function runCommandLine(commandLine: readonly string[]): Promise<void> {
  try {
    await program.parseAsync(commandLine, { from: 'user' })
  } catch (error) {
    // Commander has already printed it.
    if (!(error instanceof CommanderError)) console.error(`cloudenv: ${printableMessage(messageOf(error))}`)
    process.exitCode = exitCodeOf(error)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
