import { readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { Env, EnvListener, LocalWritableFile, WritableFile } from '#src/env/env.js'
import { EnvError } from '#src/env/env-error.js'
import { MemoryEnv } from '#src/env/memory-env.js'
import { PosixEnv } from '#src/env/posix-env.js'
import { EnvHost } from '#src/host/env-host.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { havePrograms, programSuite, runOn } from './programs.js'

const fine = { code: 0, signal: null }

/** The local file system, which records every call. */
class TracingEnv extends PosixEnv {
  override readonly localNames = []
  readonly trace: string[] = []

  /** Calls about tables, MANIFESTs and ownership. */
  commits(): string[] {
    return this.trace
      .filter((line) => /table|MANIFEST|CURRENT|lock/.test(line))
      .map((line) => line.replaceAll(/\d{6}/g, 'N'))
  }

  override async newWritableFile(path: string): Promise<LocalWritableFile> {
    const name = basename(path).replace('.sst', ' (table)')
    this.trace.push(`create ${name}`)
    return {
      kind: 'local',
      path,
      synced: async (size) => {
        expect(statSync(path).size).toBeGreaterThanOrEqual(size)
        this.trace.push(`sync ${name}`)
      },
      sealed: async (size) => {
        expect(readFileSync(path).length).toBe(size)
        this.trace.push(`seal ${name}`)
      },
    }
  }

  override async renameFile(source: string, target: string): Promise<void> {
    await super.renameFile(source, target)
    this.trace.push(`rename ${basename(source)} to ${basename(target)}`)
  }

  override async deleteFile(path: string): Promise<void> {
    await super.deleteFile(path)
    this.trace.push(`delete ${basename(path)}`)
  }

  override async fsyncDirectory(path: string) {
    this.trace.push('fsync directory')
    return await super.fsyncDirectory(path)
  }

  override async lockFile(): Promise<void> {
    this.trace.push('lock')
  }

  override async unlockFile(): Promise<void> {
    this.trace.push('unlock')
  }
}

describe.skipIf(!havePrograms)(programSuite('writes'), () => {
  const directory = temporaryDirectory()
  let host: EnvHost | undefined
  let hosts = 0

  afterEach(async () => {
    await host?.close()
    host = undefined
  })

  async function serve(env: Env): Promise<string> {
    host = await EnvHost.listen(env, join(directory, `${++hosts}.sock`))
    return host.socketPath
  }

  const database = () => join(directory, `db-${hosts}`)

  test('are reported to the Env in the order in which RocksDB makes them', async () => {
    const env = new TracingEnv()
    const socket = await serve(env)
    const put = [`--db=${database()}`, '--create_if_missing', 'put', 'key', 'value']
    expect(await runOn(socket, 'ldb', put)).toMatchObject(fine)
    expect(env.commits()).toMatchInlineSnapshot(`
      [
        "lock",
        "create MANIFEST-N",
        "sync MANIFEST-N",
        "seal MANIFEST-N",
        "rename N.dbtmp to CURRENT",
        "create MANIFEST-N",
        "sync MANIFEST-N",
        "rename N.dbtmp to CURRENT",
        "delete MANIFEST-N",
        "seal MANIFEST-N",
        "unlock",
      ]
    `)
    env.trace.length = 0
    // Opened again, RocksDB writes what is in the write-ahead log to a table.
    expect(await runOn(socket, 'ldb', put)).toMatchObject(fine)
    expect(env.commits()).toMatchInlineSnapshot(`
      [
        "lock",
        "create N (table)",
        "sync N (table)",
        "seal N (table)",
        "create MANIFEST-N",
        "sync MANIFEST-N",
        "rename N.dbtmp to CURRENT",
        "delete MANIFEST-N",
        "seal MANIFEST-N",
        "unlock",
      ]
    `)
  })

  test('wait for the Env to sync their file, and fail with it', async () => {
    class Failing extends PosixEnv {
      override async newWritableFile(path: string): Promise<LocalWritableFile> {
        if (!path.endsWith('.sst')) return { kind: 'local', path }
        const synced = async () => {
          throw new EnvError('NoSpace', 'no room for it', { retryable: true })
        }
        return { kind: 'local', path, synced }
      }
    }
    const socket = await serve(new Failing())
    const filling = ['--benchmarks=fillseq,flush', '--num=10', `--db=${database()}`]
    const ended = await runOn(socket, 'db_bench', filling, {
      // RocksDB keeps trying.
      onOutput: (output, program) => void (output.includes('no room for it') && program.kill('SIGKILL')),
    })
    expect(ended.output).toContain('no room for it')
  })

  test('that fail once with a retryable error are repeated by RocksDB itself', async () => {
    let failures = 0
    class Recovering extends PosixEnv {
      override async fsyncDirectory(path: string) {
        if (failures < 1 && this.#tables > 0) {
          failures++
          throw new EnvError('IOError', 'the store is away', { retryable: true })
        }
        return await super.fsyncDirectory(path)
      }

      #tables = 0

      override async newWritableFile(path: string): Promise<LocalWritableFile> {
        if (path.endsWith('.sst')) this.#tables++
        return { kind: 'local', path }
      }
    }
    const socket = await serve(new Recovering())
    // Large enough for the writes until it recovers.
    const buffers = ['--write_buffer_size=1000000', '--max_write_buffer_number=10']
    const options = ['--num=30000', ...buffers, `--db=${database()}`]
    const filled = await runOn(socket, 'db_bench', ['--benchmarks=fillseq', ...options])
    expect(filled, filled.output).toMatchObject(fine)
    expect(failures).toBe(1)
    const read = await runOn(socket, 'db_bench', ['--benchmarks=readrandom', '--use_existing_db', ...options])
    expect(read.output).toContain('(30000 of 30000 found)')
  })

  class FencingEnv extends PosixEnv {
    #listener: EnvListener | undefined

    attach(listener: EnvListener): void {
      this.#listener = listener
    }

    fence(): void {
      this.#listener!.fenced(database(), 'it belongs to epoch 7 now')
    }
  }

  /** Writes until the fence is up. */
  function writeUntilFenced(env: FencingEnv, socket: string) {
    let up = false
    // Nothing but the write-ahead log is written: the write buffer is larger.
    const filling = ['--benchmarks=fillseq', '--num=100000000', '--write_buffer_size=1000000000']
    return runOn(socket, 'db_bench', [...filling, `--db=${database()}`], {
      onOutput: (output) => {
        if (up || !output.includes('finished 10000 ops')) return
        up = true
        env.fence()
      },
    })
  }

  test('to the write-ahead log, which the host never sees, are refused behind a fence', async () => {
    const env = new FencingEnv()
    const ended = await writeUntilFenced(env, await serve(env))
    expect(ended).toMatchObject({ code: 1, signal: null })
    expect(ended.output).toContain('put error: IO error: IO fenced off: it belongs to epoch 7 now')
  })

  test('succeed again once the lock is taken anew', async () => {
    const env = new FencingEnv()
    const socket = await serve(env)
    expect((await writeUntilFenced(env, socket)).code).toBe(1)
    expect(await runOn(socket, 'ldb', [`--db=${database()}`, 'put', 'key', 'value'])).toMatchObject(fine)
    expect((await runOn(socket, 'ldb', [`--db=${database()}`, 'get', 'key'])).output).toBe('value\n')
  })

  test('larger than a frame are served in pieces', async () => {
    const appended: number[] = []
    class Listening extends MemoryEnv {
      override async newWritableFile(path: string) {
        const file = (await super.newWritableFile(path)) as WritableFile & { kind: 'served' }
        const append = file.append.bind(file)
        file.append = async (bytes) => {
          appended.push(bytes.length)
          await append(bytes)
        }
        return file as never
      }
    }
    const socket = await serve(new Listening())
    const large = ['--num=3', '--value_size=9000000', '--compression_type=none', '--verify_checksum']
    const filling = ['--benchmarks=fillseq,flush,readseq,readrandom', '--db=/memory/large', ...large]
    const ended = await runOn(socket, 'db_bench', filling)
    expect(ended, ended.output).toMatchObject(fine)
    expect(ended.output).toContain('(3 of 3 found)')
    expect(Math.max(...appended)).toBe(4 * 1024 * 1024)
  })
})
