import { makeSocketDirectory, removeSocketDirectory } from '../host/socket-directory.js'
import { printableMessage } from '../inspect/printable.js'
import { endLike, runProgram } from './run-program.js'

/** Variable that is set in the process that does the work. */
const marker = 'CLOUDENV_GUARDED'

const crashes: readonly NodeJS.Signals[] = ['SIGABRT', 'SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGFPE']

/**
 * Runs the work of this very command line in a process of its own. RocksDB trusts blocks whose checksums are correct,
 * and somebody who can write to a bucket can make any checksum correct: an assertion, or the system, then ends the
 * process. The cause stays unknown. This process reports the end.
 *
 * @param url of the data that is read, in a form that commands accept.
 */
export async function guarded(url: string, work: () => Promise<void>): Promise<void> {
  if (process.env[marker] !== undefined) return work()
  const commandLine = [...process.execArgv, ...process.argv.slice(1)]
  // However that process ends, the socket that it listens on goes away.
  const directory = await makeSocketDirectory()
  const env = { ...process.env, [marker]: '1', TMPDIR: directory.path }
  const end = await runProgram(process.execPath, commandLine, { env, mayInterruptTwice: true }).finally(() =>
    removeSocketDirectory(directory),
  )
  if (end.signal === 'SIGKILL') {
    // Nobody else reports it: to a shell, this process was not the killed one.
    console.error(`cloudenv: what read ${printableMessage(url)} was killed (SIGKILL). Perhaps memory ran out`)
  }
  if (end.signal === undefined || !crashes.includes(end.signal)) {
    endLike(end)
    return
  }
  throw new Error(
    `RocksDB crashed (${end.signal}) as it read ${url}. A file there may be damaged or missing, or the store may have failed ` +
      `meanwhile: cloudenv verify --deep ${url} tells. Where it finds nothing, it is a mistake of RocksDB or of cloudenv`,
  )
}
