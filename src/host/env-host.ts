import { createServer, type Server } from 'node:net'
import { isMainThread } from 'node:worker_threads'
import { systemClock } from '../env/clock.js'
import type { Env } from '../env/env.js'
import { EnvError } from '../env/env-error.js'
import { whenOverdue } from '../env/overdue.js'
import { Connection } from './connection.js'
import type { SessionHost } from './session.js'
import { maxSocketPathBytes } from './socket-directory.js'

/**
 * Serves an Env to any number of RocksDB processes over a Unix domain socket (docs/wire-protocol.md). It runs wherever
 * there is an event loop that does not wait for RocksDB itself: in a worker thread beside the engine, or in a process
 * of its own.
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
  /** Holders of the locks among this host's clients, by path. */
  readonly #locks = new Map<string, string>()
  #closed: Promise<void> | undefined
  #expiring: (() => void) | undefined

  /**
   * Takes the Env over: {@link close} closes it too. Rejects if the socket cannot be created, with EADDRINUSE if that
   * path exists and a RangeError if it is too long; the Env is closed then.
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

  /** Ends the work of the Env for the database in `directory` that waits for something far away. */
  abandon(directory: string): void {
    this.#env.abandon?.(directory)
  }

  /** The process ends once its databases are closed: from 5 s after this call, nothing waits for a store any more. */
  expire(): void {
    this.#expiring ??= whenOverdue(systemClock, graceMs, () => this.#env.abandon?.())
  }

  /**
   * Ends all connections, frees everything that their clients held, and closes the Env. Ends any work that still waits
   * for a store after 5 s.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #listen(): Promise<void> {
    const bytes = Buffer.byteLength(this.socketPath)
    // The system would truncate the path, and listen somewhere else.
    if (bytes > maxSocketPathBytes)
      throw new RangeError(`expected a socket path of at most ${maxSocketPathBytes} bytes, got ${bytes}`)
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      forThisUserAlone(() =>
        this.#server.listen(this.socketPath, () => {
          this.#server.off('error', reject)
          resolve()
        }),
      )
    })
    // For example too many open files: the kernel tells the client that wanted to connect.
    this.#server.on('error', (error) => process.emitWarning(error))
    this.#env.attach?.({
      fenced: (directory, message) => {
        for (const connection of this.#connections) connection.fenced(directory, message)
      },
    })
  }

  async #close(): Promise<void> {
    this.expire()
    const stopped = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    for (const connection of this.#connections) connection.end()
    try {
      await Promise.all([stopped, ...this.#released()])
      await this.#env.close()
    } finally {
      this.#expiring?.()
    }
  }

  async #lock(path: string, who: string): Promise<void> {
    // A program that was killed and restarted finds the lock free, not still being freed.
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

  /** Promises of the ended connections: each resolves once its connection has let go of everything. */
  #released(): Promise<void>[] {
    return [...this.#connections]
      .filter((connection) => connection.ended)
      .map((connection) => connection.released)
  }
}

/** Half of what `docker stop` gives a process. */
const graceMs = 5_000

/**
 * Makes a socket that no other user can connect to, not for a moment. A worker thread has no umask of its own to set: its
 * socket lies in a directory that only this user may enter.
 */
function forThisUserAlone(listen: () => void): void {
  const umask = isMainThread ? process.umask(0o177) : undefined
  try {
    listen()
  } finally {
    if (umask !== undefined) process.umask(umask)
  }
}
