import { Command } from '@commander-js/extra-typings'
import { EnvHost } from '../../host/env-host.js'
import { makeSocketDirectory, removeSocketDirectory } from '../../host/socket-directory.js'
import { type EnvOptions, openEnv, withEnvOptions } from '../env-options.js'
import { fsUri, pluginPreload } from '../plugin.js'
import { endLike, type ProgramEnd, runProgram } from '../run-program.js'

export const execCommand = withEnvOptions(
  new Command('exec')
    .description('run a RocksDB program, such as db_bench, ldb or sst_dump, on an Env')
    .argument('<program>')
    .argument('[arguments...]', 'its own; --fs_uri=… is added to them')
    .passThroughOptions()
    .addHelpText(
      'after',
      '\nExample:\n  cloudenv exec --store s3://bucket/prod --root /data -- ldb --db=/data/orders scan',
    ),
).action(async (program, programArguments, options) => {
  endLike(await execOnEnv(options, program, programArguments))
})

/** Resolves with the program's end, once everything that it wrote is where the Env keeps it. */
async function execOnEnv(
  options: EnvOptions,
  program: string,
  programArguments: readonly string[],
): Promise<ProgramEnd> {
  const [name, value] = pluginPreload()
  const directory = await makeSocketDirectory()
  try {
    const host = await EnvHost.listen(await openEnv(options), directory.socketPath)
    try {
      const allArguments = [...programArguments, `--fs_uri=${fsUri(host.socketPath)}`]
      return await runProgram(program, allArguments, { env: { ...process.env, [name]: value } })
    } finally {
      await host.close()
    }
  } finally {
    await removeSocketDirectory(directory)
  }
}
