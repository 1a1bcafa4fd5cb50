import { Command } from '@commander-js/extra-typings'
import { setupScript } from '../package-files.js'
import { endLike, runProgram } from '../run-program.js'

export const buildCommand = new Command('build')
  .description('build the native part against the RocksDB of this system')
  .addHelpText('after', '\nExample, once after npm install:\n  npx cloudenv build')
  .action(async () => {
    endLike(await runProgram(process.execPath, [setupScript, '--native']))
  })
