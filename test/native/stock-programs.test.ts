import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { Env } from '#src/env/env.js'
import { EnvError } from '#src/env/env-error.js'
import { MemoryEnv } from '#src/env/memory-env.js'
import { PosixEnv } from '#src/env/posix-env.js'
import { EnvHost } from '#src/host/env-host.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { havePrograms, programSuite, run, runOn } from './programs.js'

const fine = { code: 0, signal: null }

describe.skipIf(!havePrograms)(programSuite('stock programs of RocksDB'), () => {
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

  const envs: [name: string, create: () => Env, database: string][] = [
    ['the local file system', () => new PosixEnv(), join(directory, 'db')],
    ['a file system in memory', () => new MemoryEnv(), '/no/such/local/directory'],
  ]

  test.each(envs)(
    'write, reopen, compact and read back a database on %s',
    async (_name, create, database) => {
      const socket = await serve(create())
      const common = [`--db=${database}`, '--num=20000', '--write_buffer_size=500000', '--verify_checksum']
      const filled = await runOn(socket, 'db_bench', ['--benchmarks=fillseq,overwrite', ...common])
      expect(filled, filled.output).toMatchObject(fine)
      const reading = ['--benchmarks=readrandom,compact,readrandom,multireadrandom', '--use_existing_db']
      const read = await runOn(socket, 'db_bench', [...reading, ...common])
      expect(read, read.output).toMatchObject(fine)
      expect(read.output.match(/\(20000 of 20000 found\)/g)).toHaveLength(3)
      const destroyed = await runOn(socket, 'ldb', [`--db=${database}`, 'checkconsistency'])
      expect(destroyed).toMatchObject(fine)
    },
  )

  test.each(envs)('see on %s what another program wrote there', async (_name, create, parent) => {
    const socket = await serve(create())
    const database = `--db=${parent}-ldb`
    const put = ['--create_if_missing', 'put', 'key', 'value']
    expect(await runOn(socket, 'ldb', [database, ...put])).toMatchObject(fine)
    expect((await runOn(socket, 'ldb', [database, 'get', 'key'])).output).toBe('value\n')
    expect((await runOn(socket, 'ldb', [database, 'get', 'other'])).output).toMatch(/not ?found/i)
    expect(await runOn(socket, 'ldb', [database, 'delete', 'key'])).toMatchObject(fine)
    expect((await runOn(socket, 'ldb', [database, 'scan'])).output).toBe('')
  })

  test('leave the same files behind as without a host', async () => {
    const socket = await serve(new PosixEnv())
    const filling = ['--benchmarks=fillseq,compact', '--num=1000']
    const [ours, theirs] = [join(directory, 'ours'), join(directory, 'theirs')]
    expect(await runOn(socket, 'db_bench', [...filling, `--db=${ours}`])).toMatchObject(fine)
    expect(await run('db_bench', [...filling, `--db=${theirs}`])).toMatchObject(fine)
    expect(readdirSync(ours).sort()).toEqual(readdirSync(theirs).sort())
  })

  test('name files by absolute, normalized paths', async () => {
    const paths = new Set<string>()
    class Listening extends PosixEnv {
      override getChildren(path: string) {
        paths.add(path)
        return super.getChildren(path)
      }
    }
    const socket = await serve(new Listening())
    const filling = ['--benchmarks=fillseq', '--num=10', '--db=./x/..//relative/']
    expect(await runOn(socket, 'db_bench', filling, { cwd: directory })).toMatchObject(fine)
    expect(existsSync(join(directory, 'relative/CURRENT'))).toBe(true)
    // Nothing above it either: an empty path is not the working directory.
    const database = join(directory, 'relative')
    expect([...paths].filter((path) => path !== database && !path.startsWith(`${database}/`))).toEqual([])
  })

  test('recycle write-ahead logs', async () => {
    const socket = await serve(new PosixEnv())
    const optionsFile = join(directory, 'OPTIONS')
    writeFileSync(
      optionsFile,
      '[Version]\n  rocksdb_version=7.8.0\n  options_file_version=1.1\n' +
        '[DBOptions]\n  recycle_log_file_num=2\n  wal_recovery_mode=kSkipAnyCorruptedRecords\n  create_if_missing=true\n' +
        '[CFOptions "default"]\n  write_buffer_size=200000\n',
    )
    const database = `--db=${join(directory, 'recycled')}`
    const filling = [`--options_file=${optionsFile}`, '--benchmarks=fillseq', '--num=20000', database]
    const filled = await runOn(socket, 'db_bench', filling)
    expect(filled, filled.output).toMatchObject(fine)
    expect(/reusing log/.test(readFileSync(join(directory, 'recycled/LOG'), 'utf8'))).toBe(true)
    const reading = ['--benchmarks=readrandom', '--use_existing_db', '--num=20000', database]
    const read = await runOn(socket, 'db_bench', reading)
    expect(read.output).toContain('(20000 of 20000 found)')
  })

  test('write with direct I/O', async () => {
    const socket = await serve(new PosixEnv())
    const direct = ['--use_direct_io_for_flush_and_compaction', '--use_direct_reads', '--num=20000']
    const database = `--db=${join(directory, 'direct')}`
    const filled = await runOn(socket, 'db_bench', [
      '--benchmarks=fillseq,compact,readrandom',
      database,
      ...direct,
    ])
    expect(filled, filled.output).toMatchObject(fine)
    expect(filled.output).toContain('(20000 of 20000 found)')
  })

  test('are kept out while another holds the lock', async () => {
    const socket = await serve(new PosixEnv())
    const database = `--db=${join(directory, 'locked')}`
    let second: Promise<{ code: number | null; output: string }> | undefined
    const writing = ['--benchmarks=fillseq,fillseq', '--num=500000', database]
    await runOn(socket, 'db_bench', writing, {
      onOutput: (output) => {
        if (output.includes('DB path')) second ??= run('ldb', [database, 'put', 'key', 'value'])
      },
    })
    expect((await second)?.code).toBe(1)
    expect((await second)?.output).toContain('lock')
  })

  test('see the Env refuse the lock, and leave the local one free', async () => {
    let refuse = true
    class Refusing extends PosixEnv {
      override async lockFile() {
        if (refuse) throw new EnvError('Busy', 'somebody else owns it')
      }
    }
    const socket = await serve(new Refusing())
    const put = [`--db=${join(directory, 'refused')}`, '--create_if_missing', 'put', 'key', 'value']
    const refused = await runOn(socket, 'ldb', put)
    expect(refused.code).toBe(1)
    expect(refused.output).toContain('somebody else owns it')
    refuse = false
    expect(await runOn(socket, 'ldb', put)).toMatchObject(fine)
  })

  test('fail with an error that says what to do when their host is killed', async () => {
    const socket = join(directory, 'killed.sock')
    const serving = `
      import { EnvHost } from '#src/host/env-host.js'
      import { PosixEnv } from '#src/env/posix-env.js'
      await EnvHost.listen(new PosixEnv(), ${JSON.stringify(socket)})
      console.log('listening')`
    const server = spawn('node', ['--input-type=module', '-e', serving], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await new Promise((resolve) => server.stdout.once('data', resolve))
    const database = `--db=${join(directory, 'orphan')}`
    const filling = ['--benchmarks=fillrandom', '--num=50000000', '--write_buffer_size=1000000', database]
    const ended = await runOn(socket, 'db_bench', filling, {
      onOutput: (output) => output.includes('finished 50000 ops') && server.kill('SIGKILL'),
    })
    expect(ended).toMatchObject({ code: 1, signal: null })
    expect(ended.output).toMatch(/put error: IO error: the Env host on .* went away .*: reopen the database/)
  })
})
