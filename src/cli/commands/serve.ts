import { once } from 'node:events'
import { lstat, rm } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { resolve } from 'node:path'
import { Command } from '@commander-js/extra-typings'
import { EnvHost } from '../../host/env-host.js'
import {
  makeSocketDirectory,
  maxSocketPathBytes,
  removeSocketDirectory,
} from '../../host/socket-directory.js'
import { type EnvOptions, openEnv, withEnvOptions } from '../env-options.js'
import { printJson } from '../output/write-json.js'
import { fsUri, pluginPreload } from '../plugin.js'
import { UsageError } from '../usage-error.js'

export const serveCommand = withEnvOptions(
  new Command('serve')
    .description('host an Env until interrupted, for any number of RocksDB programs')
    .option('--socket <path>', 'where to listen (default: in a fresh temporary directory)')
    .option('--json', 'say where in JSON, for programs')
    .addHelpText('after', '\nExample:\n  cloudenv serve --store s3://bucket/prod --root /data'),
).action(async (options) => {
  if (options.socket === undefined) {
    const directory = await makeSocketDirectory()
    try {
      await serve(options, directory.socketPath)
    } finally {
      await removeSocketDirectory(directory)
    }
  } else {
    const socketPath = resolve(options.socket)
    if (Buffer.byteLength(socketPath) > maxSocketPathBytes)
      throw new UsageError(`expected --socket to be a path of at most ${maxSocketPathBytes} bytes`)
    await removeStaleSocket(socketPath)
    await serve(options, socketPath)
  }
})

type ServeOptions = EnvOptions & { readonly json?: true }

async function serve(options: ServeOptions, socketPath: string): Promise<void> {
  const [name, value] = pluginPreload()
  const host = await EnvHost.listen(await openEnv(options), socketPath)
  const stopped = Promise.race(['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal)))
  if (options.json) await printJson({ fsUri: fsUri(socketPath), environment: { [name]: value } })
  else
    console.log(`Serving ${fsUri(socketPath)} until interrupted. RocksDB programs use it so:

  ${name}=${value} ldb --fs_uri=${fsUri(socketPath)} --db=${resolve(options.root ?? '/')}/… scan
`)
  await stopped
  await host.close()
}

/** Removes a socket that nobody listens on any more: a host that was killed left it. */
async function removeStaleSocket(socketPath: string): Promise<void> {
  const found = await lstat(socketPath).catch(() => undefined)
  if (found === undefined) return
  if (!found.isSocket()) throw new UsageError(`${socketPath} exists and is not a socket`)
  if (!(await isDeadSocket(socketPath))) throw new UsageError(`${socketPath} is in use by another host`)
  await rm(socketPath)
}

/**
 * Reports whether the process that listened on this socket is gone. It may be any program's, so only the socket itself
 * can tell, and only a refused connection proves it: a host that is busy may have no room for one more (`EAGAIN`).
 */
async function isDeadSocket(path: string): Promise<boolean> {
  const socket = createConnection(path).unref()
  try {
    await once(socket, 'connect')
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED'
  } finally {
    socket.destroy()
  }
}
