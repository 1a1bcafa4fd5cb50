// Runs one command line of `cloudenv` after another, each as src/cli/main.ts runs its one. See command-runner.ts.
import { fileURLToPath } from 'node:url'
import { runCommandLine } from '#src/cli/program.js'

const main = fileURLToPath(import.meta.resolve('#src/cli/main.js'))

process.on('disconnect', () => process.exit())

process.on('message', async (/** @type {import('./command-runner.ts').CommandRequest} */ request) => {
  const { commandLine, env, cwd, endMark } = request
  for (const name of Object.keys(process.env)) delete process.env[name]
  Object.assign(process.env, env)
  process.chdir(cwd)
  process.argv = [process.execPath, main, ...commandLine]
  process.exitCode = undefined
  const cpuBefore = process.cpuUsage()
  await runCommandLine(commandLine)
  const code = Number(process.exitCode ?? 0)
  process.exitCode = undefined
  process.stdout.write(endMark)
  process.stderr.write(endMark)
  const { user, system } = process.cpuUsage(cpuBefore)
  process.send?.({
    code,
    maxMemoryKiB: process.resourceUsage().maxRSS,
    cpuSeconds: (user + system) / 1e6,
  })
})
