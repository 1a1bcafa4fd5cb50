import { chmod } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import type { Env } from '../env/env.js'
import { EnvError } from '../env/env-error.js'
import { Connection } from './connection.js'
import type { SessionHost } from './session.js'
import { maxSocketPathBytes } from './socket-directory.js'

/**
 * Serves an Env to RocksDB processes over a Unix domain socket (docs/wire-protocol.md), any number of
 * them. It runs wherever there is an event loop that does not wait for RocksDB itself: in a worker
 * thread beside the engine, or in a process of its own.
 *
 * @example
 * const host = await EnvHost.listen(env, '/run/cloudenv.sock')
 * // RocksDB programs open cloudenv:///run/cloudenv.sock
 * await host.close()
 */
export class EnvHost {
  readonly socketPath: string
  readonly #env: Env
  readonly #server: Server
  readonly #connections = new Set<Connection>()
  /** Who holds which lock, of this host's clients. */
  readonly #locks = new Map<string, string>()
  #closed: Promise<void> | undefined

  /**
   * Takes the Env over: {@link close} closes it too. Rejects when the socket cannot be created, with
   * EADDRINUSE when that path exists and a RangeError when it is too long; the Env is closed then.
   */
  static async listen(env: Env, socketPath: string): Promise<EnvHost> {
    const host = new EnvHost(env, socketPath)
    try {
      await host.#listen()
    } catch (error) {
      await Promise.allSettled([host.close()])
      throw error
    }
    return host
  }

  private constructor(env: Env, socketPath: string) {
    this.#env = env
    this.socketPath = socketPath
    const sessionHost: SessionHost = {
      env,
      lock: (path, who) => this.#lock(path, who),
      unlock: (path) => this.#unlock(path),
    }
    this.#server = createServer((socket) => {
      const connection = new Connection(sessionHost, socket)
      this.#connections.add(connection)
      void connection.released.then(() => this.#connections.delete(connection))
    })
  }

  /** Ends all connections, frees what their clients held, and closes the Env. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #listen(): Promise<void> {
    const bytes = Buffer.byteLength(this.socketPath)
    // The system would cut it, and listen somewhere else.
    if (bytes > maxSocketPathBytes)
      throw new RangeError(`expected a socket path of at most ${maxSocketPathBytes} bytes, got ${bytes}`)
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.socketPath, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
    // Such as too many open files: the client that wanted to connect is told by its kernel.
    this.#server.on('error', (error) => process.emitWarning(error))
    this.#env.attach?.({
      fenced: (directory, message) => {
        for (const connection of this.#connections) connection.fenced(directory, message)
      },
    })
    await chmod(this.socketPath, 0o600)
  }

  async #close(): Promise<void> {
    const stopped = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    for (const connection of this.#connections) connection.end()
    await Promise.all([stopped, ...this.#released()])
    await this.#env.close()
  }

  async #lock(path: string, who: string): Promise<void> {
    // A program that was killed and started anew finds the lock free, not still being freed.
    const leaving = this.#released()
    if (leaving.length > 0) await Promise.all(leaving)
    const holder = this.#locks.get(path)
    if (holder !== undefined) throw new EnvError('IOError', `lock ${path}: held by ${holder}`)
    this.#locks.set(path, who)
    try {
      await this.#env.lockFile(path)
    } catch (error) {
      this.#locks.delete(path)
      throw error
    }
  }

  async #unlock(path: string): Promise<void> {
    try {
      await this.#env.unlockFile(path)
    } finally {
      this.#locks.delete(path)
    }
  }

  /** Of the connections that have ended: when each has let go of everything. */
  #released(): Promise<void>[] {
    return [...this.#connections]
      .filter((connection) => connection.ended)
      .map((connection) => connection.released)
  }
}
