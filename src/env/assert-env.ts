import { describeKind } from '../options/describe.js'
import { lackingMethods } from '../options/lacking-methods.js'
import type { Env } from './env.js'

const methods = [
  'newSequentialFile',
  'newRandomAccessFile',
  'newWritableFile',
  'reopenWritableFile',
  'fsyncDirectory',
  'fileExists',
  'getChildren',
  'getChildrenFileAttributes',
  'deleteFile',
  'createDirIfMissing',
  'deleteDir',
  'getFileSize',
  'getFileModificationTime',
  'renameFile',
  'linkFile',
  'lockFile',
  'unlockFile',
  'isDirectory',
  'getFreeSpace',
  'close',
] as const satisfies readonly (keyof Env)[]

/**
 * Checks what a function of the user's returned.
 * @param name of the function, as the error shows it.
 * @throws TypeError
 */
export function assertEnv(env: unknown, name: string): asserts env is Env {
  const expected = `expected ${name} to return an Env`
  if (typeof env !== 'object' || env === null) throw new TypeError(`${expected}, got ${describeKind(env)}`)
  const { localNames, localLocks } = env as Partial<Env>
  const lacking = lackingMethods(env, methods)
  if (!Array.isArray(localNames)) lacking.push('localNames')
  if (typeof localLocks !== 'boolean') lacking.push('localLocks')
  if (lacking.length > 0)
    throw new TypeError(
      `${expected}, got one without ${lacking.join(', ')}: extend DelegatingEnv, which has them`,
    )
}
