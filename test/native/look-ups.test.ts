import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { ReadableFile } from '#src/env/env.js'
import { EnvError, type EnvErrorCode } from '#src/env/env-error.js'
import { PosixEnv } from '#src/env/posix-env.js'
import { EnvHost } from '#src/host/env-host.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { havePrograms, programSuite, runOn } from './programs.js'

/** Fails where RocksDB, as distributions build it, asserts the kind of error. */
class FailingLookUps extends PosixEnv {
  failing: { readonly name: string; readonly code: EnvErrorCode } | undefined

  override async fileExists(path: string): Promise<void> {
    this.#fail(path)
    await super.fileExists(path)
  }

  override async newSequentialFile(path: string): Promise<ReadableFile & { readonly kind: 'local' }> {
    if (!path.endsWith('CURRENT')) this.#fail(path)
    return super.newSequentialFile(path)
  }

  #fail(path: string): void {
    const { name, code } = this.failing ?? {}
    if (name !== undefined && path.endsWith(name)) throw new EnvError(code!, `made up for ${name}`)
  }
}

const codes: EnvErrorCode[] = [
  'Corruption',
  'NotSupported',
  'InvalidArgument',
  'IOError',
  'IOFenced',
  'NoSpace',
  'PathNotFound',
  'Busy',
  'TimedOut',
]

describe.skipIf(!havePrograms)(programSuite('looking for a file fails in words, and ends no program'), () => {
  const directory = temporaryDirectory()
  const socketPath = join(directory, 'env.sock')
  const db = `--db=${join(directory, 'db')}`
  const env = new FailingLookUps()

  beforeAll(async () => {
    const host = await EnvHost.listen(env, socketPath)
    const made = await runOn(socketPath, 'ldb', [db, '--create_if_missing', 'put', 'a', 'b'])
    expect(made, made.output).toMatchObject({ code: 0 })
    return () => host.close()
  })

  test.each(
    ['/CURRENT', '/IDENTITY', '/checkpoint'].flatMap((name) => codes.map((code) => [name, code] as const)),
  )('of %s, with %s', async (name, code) => {
    env.failing = { name, code }
    const checkpoint = ['checkpoint', `--checkpoint_dir=${join(directory, 'checkpoint')}`]
    const ended = await runOn(socketPath, 'ldb', [db, ...checkpoint])
    env.failing = undefined
    expect(ended, ended.output).toMatchObject({ code: 1, signal: null })
    expect(ended.output).toContain(`made up for ${name}`)
  })
})
