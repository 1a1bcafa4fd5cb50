import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { createCloudEnv } from '#src/cloud/cloud-env.js'
import type { Env } from '#src/env/env.js'
import { createMemoryEnv } from '#src/env/memory-env.js'
import { createPosixEnv } from '#src/env/posix-env.js'
import { EnvHost } from '#src/host/env-host.js'
import { havePrograms, programSuite, run, runOn } from '../native/programs.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { WireClient } from '../support/wire-client.ts'

/** RocksDB's own tools, as the distribution ships them, on our Envs. */
describe.each<[name: string, create: (root: string) => Env | Promise<Env>, refusal: RegExp]>([
  ['PosixEnv', createPosixEnv, /LOCK: Resource temporarily unavailable/],
  ['MemoryEnv', createMemoryEnv, /LOCK: held by db_bench \(pid \d+\)/],
  [
    'CloudEnv',
    (root) => createCloudEnv({ store: `file://${root}-store`, root }),
    /LOCK: Resource temporarily unavailable/,
  ],
])('on %s', (name, create, refusal) => {
  describe.skipIf(!havePrograms)(programSuite('stock tools'), () => {
    const temporary = temporaryDirectory()
    const directory = join(temporary, 'root')
    const db = join(directory, 'db')
    const socketPath = join(temporary, 'env.sock')

    beforeAll(async () => {
      const host = await EnvHost.listen(await create(directory), socketPath)
      const client = await WireClient.connect(socketPath)
      await client.createDirIfMissing(directory)
      await client.disconnect()
      return () => host.close()
    })

    const tool = async (program: string, ...programArguments: string[]) => {
      const ended = await runOn(socketPath, program, programArguments)
      expect(ended, ended.output).toMatchObject({ code: 0, signal: null })
      return ended.output
    }
    const ldb = (...programArguments: string[]) => tool('ldb', `--db=${db}`, ...programArguments)
    /** Buffers of 64 KiB, so that little data makes many tables. */
    const dbBench = (benchmarks: string, ...more: string[]) =>
      tool(
        'db_bench',
        `--db=${db}`,
        `--benchmarks=${benchmarks}`,
        '--num=20000',
        '--write_buffer_size=65536',
        ...more,
      )

    test('db_bench fills, overwrites and compacts a database, and finds every key', async () => {
      const output = await dbBench('fillseq,overwrite,compact,readrandom,readseq,verifychecksum')
      expect(output).toContain('(20000 of 20000 found)')
    })

    test('db_bench finds every key again after reopening, many threads reading', async () => {
      const output = await dbBench(
        'readrandom,multireadrandom',
        '--use_existing_db=1',
        '--threads=4',
        '--reads=5000',
      )
      expect(output.match(/\(5000 of 5000 found\)/g)).toHaveLength(2)
    })

    test('ldb puts, gets, scans, and sees the same database as db_bench', async () => {
      await ldb('put', 'zzz', 'from ldb')
      expect(await ldb('get', 'zzz')).toContain('from ldb')
      expect(await ldb('scan', '--from=zz')).toMatch(/zzz (:|==>) from ldb/)
      expect(await ldb('dump', '--count_only')).toContain('Keys in range: 20001')
      await ldb('delete', 'zzz')
      expect(await ldb('dump', '--count_only')).toContain('Keys in range: 20000')
    })

    test('ldb finds the database consistent and lists its live files', async () => {
      expect(await ldb('checkconsistency')).toContain('OK')
      expect(await ldb('list_live_files_metadata')).toMatch(/\d{6}\.sst/)
      expect(await ldb('manifest_dump')).toContain('default')
    })

    test('ldb makes a checkpoint that is a database of its own', async () => {
      // Below its root, CloudEnv has databases in the store only.
      const checkpoint = join(name === 'CloudEnv' ? temporary : directory, 'checkpoint')
      await ldb('checkpoint', `--checkpoint_dir=${checkpoint}`)
      await ldb('put', 'zzz', 'later')
      const counted = await tool('ldb', `--db=${checkpoint}`, 'dump', '--count_only')
      expect(counted).toContain('Keys in range: 20000')
    })

    test('ldb writes a table of its own and ingests it', async () => {
      const table = join(directory, 'external.sst')
      const command = `ldb --fs_uri=cloudenv://${socketPath} --db=${db} write_extern_sst ${table}`
      expect(await run('sh', ['-c', `echo 'zzz2 ==> ingested' | ${command}`])).toMatchObject({ code: 0 })
      await ldb('ingest_extern_sst', table)
      expect(await ldb('get', 'zzz2')).toContain('ingested')
    })

    test('sst_dump checks every table', async () => {
      const output = await tool('sst_dump', `--file=${db}`, '--command=verify')
      expect(output).toMatch(/The file is ok/)
      expect(output).not.toMatch(/corrupt/i)
    })

    test('a second program is refused while the first has the database open', async () => {
      let second: Promise<{ code: number | null; output: string }> | undefined
      const first = runOn(
        socketPath,
        'db_bench',
        [`--db=${db}`, '--use_existing_db=1', '--benchmarks=readrandom', '--duration=200', '--num=20000'],
        {
          onOutput: (output, program) => {
            if (!output.includes('finished')) return
            second ??= runOn(socketPath, 'ldb', [`--db=${db}`, 'put', 'a', 'b']).finally(() => program.kill())
          },
        },
      )
      expect(await first).toMatchObject({ signal: 'SIGTERM' })
      const refused = await second
      expect(refused?.code).toBe(1)
      expect(refused?.output).toMatch(refusal)
    })

    test('db_bench destroys the existing database before it fills a new one', async () => {
      const output = await dbBench('fillseq,readrandom', '--num=500')
      expect(output).toContain('(500 of 500 found)')
      expect(await ldb('dump', '--count_only')).toContain('Keys in range: 500')
    })
  })
})
