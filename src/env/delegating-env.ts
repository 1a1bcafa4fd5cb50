import type {
  DirectorySync,
  Env,
  EnvListener,
  FileAttributes,
  ReadableFile,
  Refetched,
  SendEvents,
  WritableFile,
} from './env.js'
import { noPastStates } from './no-past-states.js'
import type { StateSelector } from './state-selector.js'
import { noWarmUp, type WarmUpOptions, type WarmUpResult } from './warm-up.js'

/**
 * An Env that has another do everything: extend it, and override the methods that are to differ. The other Env calls its
 * own methods, not these.
 *
 * @example
 * import { createPosixEnv, DelegatingEnv } from 'rocksdb-cloud-env'
 *
 * class LoggingEnv extends DelegatingEnv {
 *   async deleteFile(path) {
 *     console.log(`deletes ${path}`)
 *     await super.deleteFile(path)
 *   }
 * }
 *
 * export const createEnv = () => new LoggingEnv(createPosixEnv())
 */
export class DelegatingEnv implements Env {
  readonly localNames: readonly string[]
  readonly localLocks: boolean
  readonly #env: Env

  constructor(env: Env) {
    this.#env = env
    this.localNames = env.localNames
    this.localLocks = env.localLocks
  }

  attach(listener: EnvListener): void {
    this.#env.attach?.(listener)
  }

  newSequentialFile(path: string): Promise<ReadableFile> {
    return this.#env.newSequentialFile(path)
  }

  newRandomAccessFile(path: string): Promise<ReadableFile> {
    return this.#env.newRandomAccessFile(path)
  }

  newWritableFile(path: string): Promise<WritableFile> {
    return this.#env.newWritableFile(path)
  }

  reopenWritableFile(path: string): Promise<WritableFile> {
    return this.#env.reopenWritableFile(path)
  }

  fsyncDirectory(path: string): Promise<DirectorySync> {
    return this.#env.fsyncDirectory(path)
  }

  fileExists(path: string): Promise<void> {
    return this.#env.fileExists(path)
  }

  getChildren(path: string): Promise<readonly string[]> {
    return this.#env.getChildren(path)
  }

  getChildrenFileAttributes(path: string): Promise<readonly FileAttributes[]> {
    return this.#env.getChildrenFileAttributes(path)
  }

  deleteFile(path: string): Promise<void> {
    return this.#env.deleteFile(path)
  }

  createDirIfMissing(path: string): Promise<void> {
    return this.#env.createDirIfMissing(path)
  }

  deleteDir(path: string): Promise<void> {
    return this.#env.deleteDir(path)
  }

  getFileSize(path: string): Promise<number> {
    return this.#env.getFileSize(path)
  }

  getFileModificationTime(path: string): Promise<number> {
    return this.#env.getFileModificationTime(path)
  }

  renameFile(source: string, target: string): Promise<void> {
    return this.#env.renameFile(source, target)
  }

  linkFile(source: string, target: string): Promise<void> {
    return this.#env.linkFile(source, target)
  }

  lockFile(path: string): Promise<void> {
    return this.#env.lockFile(path)
  }

  unlockFile(path: string): Promise<void> {
    return this.#env.unlockFile(path)
  }

  isDirectory(path: string): Promise<boolean> {
    return this.#env.isDirectory(path)
  }

  getFreeSpace(path: string): Promise<number> {
    return this.#env.getFreeSpace(path)
  }

  async makeRoom(path: string, bytes: number): Promise<boolean> {
    return (await this.#env.makeRoom?.(path, bytes)) ?? false
  }

  abandon(directory?: string): void {
    this.#env.abandon?.(directory)
  }

  async refetch(path: string, offset: number, length: number, ageMs: number): Promise<Refetched> {
    return (await this.#env.refetch?.(path, offset, length, ageMs)) ?? { isOther: false, advice: '' }
  }

  async stateAt(directory: string, at: StateSelector): Promise<string> {
    if (!this.#env.stateAt) throw noPastStates()
    return this.#env.stateAt(directory, at)
  }

  releaseState(path: string): void {
    this.#env.releaseState?.(path)
  }

  async warmUp(directory: string, options: WarmUpOptions): Promise<WarmUpResult> {
    if (!this.#env.warmUp) throw noWarmUp()
    return this.#env.warmUp(directory, options)
  }

  metrics(): unknown {
    return this.#env.metrics?.()
  }

  listen(names: readonly string[], send: SendEvents): void {
    this.#env.listen?.(names, send)
  }

  close(): Promise<void> {
    return this.#env.close()
  }
}
