import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { createCloudEnv } from '#src/cloud/cloud-env.js'
import { RocksDB } from '#src/engine/rocksdb.js'
import { EnvHost } from '#src/host/env-host.js'
import { cloudEnv } from '#src/hosted-cloud-env.js'
import { havePrograms, programSuite, run, runOn } from '../native/programs.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

/** Checkpoints, backups, tables to ingest and logs: what RocksDB's tools keep beside a database. */
describe.skipIf(!havePrograms)(programSuite('stock tools on paths outside the root'), () => {
  const temporary = temporaryDirectory()
  const root = join(temporary, 'root')
  const outside = join(temporary, 'outside')
  const db = join(root, 'db')
  const socketPath = join(temporary, 'env.sock')

  const tool = async (program: string, ...programArguments: string[]) => {
    const ended = await runOn(socketPath, program, programArguments)
    expect(ended, ended.output).toMatchObject({ code: 0, signal: null })
    return ended.output
  }
  const ldb = (...programArguments: string[]) => tool('ldb', `--db=${db}`, ...programArguments)
  /** Fails with a message: it neither succeeds nor crashes. */
  const refusal = async (program: string, ...programArguments: string[]) => {
    const ended = await runOn(socketPath, program, programArguments)
    expect(ended, ended.output).toMatchObject({ code: 1, signal: null })
    return ended.output
  }
  /** Opened by RocksDB alone, as any local database. */
  const plainCount = async (directory: string) =>
    /Keys in range: \d+/.exec((await run('ldb', [`--db=${directory}`, 'dump', '--count_only'])).output)?.[0]

  beforeAll(async () => {
    await mkdir(outside, { recursive: true })
    const host = await EnvHost.listen(
      await createCloudEnv({ store: `file://${temporary}/store`, root }),
      socketPath,
    )
    await tool('db_bench', `--db=${db}`, '--benchmarks=fillseq', '--num=5000', '--write_buffer_size=65536')
    return () => host.close()
  })

  test('ldb makes a checkpoint outside, which is a plain database with and without the Env', async () => {
    const checkpoint = join(outside, 'checkpoint')
    await ldb('checkpoint', `--checkpoint_dir=${checkpoint}`)
    expect(await plainCount(checkpoint)).toBe('Keys in range: 5000')
    expect(await tool('ldb', `--db=${checkpoint}`, 'dump', '--count_only')).toContain('Keys in range: 5000')
  })

  test('a checkpoint below the root is refused with the reason and the remedy, and leaves nothing', async () => {
    const output = await refusal(
      'ldb',
      `--db=${db}`,
      'checkpoint',
      `--checkpoint_dir=${join(root, 'checkpoint')}`,
    )
    expect(output).toMatch(
      /What lies below the Env's root .* choose a directory outside of it for checkpoints/,
    )
    expect(await readdir(root)).not.toContain('checkpoint')
    expect(await readdir(root)).not.toContain('checkpoint.tmp')
  })

  test('ldb backs the database up outside, and restores it there', async () => {
    const backup = `--backup_dir=${join(outside, 'backup')}`
    const restored = join(outside, 'restored')
    await ldb('backup', backup)
    await tool('ldb', `--db=${restored}`, 'restore', backup)
    expect(await plainCount(restored)).toBe('Keys in range: 5000')
  })

  test('a backup is not restored over a cloud database, and its log stays unchanged', async () => {
    const backup = `--backup_dir=${join(outside, 'backup-2')}`
    await ldb('backup', backup)
    await ldb('put', 'only in the log', 'value')
    const before = await logs(db)
    expect(before.size).toBeGreaterThan(0)
    expect(await refusal('ldb', `--db=${db}`, 'restore', backup)).toContain('no database is open for writing')
    expect(await logs(db)).toEqual(before)
    expect(await ldb('get', 'only in the log')).toContain('value')
    await ldb('delete', 'only in the log')
  })

  test.each([[[]], [['--move_files']]])('ldb writes a table outside and ingests it (%s)', async (options) => {
    // Same name as a table of a database.
    const table = join(outside, '000777.sst')
    const key = `ingested${options}`
    const writer = `ldb --fs_uri=cloudenv://${socketPath} --db=${db} write_extern_sst ${table}`
    expect(await run('sh', ['-c', `echo '${key} ==> value' | ${writer}`])).toMatchObject({ code: 0 })
    await ldb('ingest_extern_sst', table, ...options)
    expect(await ldb('get', key)).toContain('value')
    expect(existsSync(table)).toBe(options.length === 0)
    await ldb('delete', key)
  })

  test("RocksDB's own repair is refused before it changes anything", async () => {
    const before = await ldb('list_live_files_metadata')
    expect(await refusal('ldb', `--db=${db}`, 'repair')).toMatch(
      /RocksDB's repair begins with an empty MANIFEST.*"cloudenv verify file:/,
    )
    expect(await ldb('list_live_files_metadata')).toEqual(before)
  })

  test('a secondary instance reads the database, with its own files outside', async () => {
    const secondary = join(outside, 'secondary')
    expect(await ldb(`--secondary_path=${secondary}`, 'dump', '--count_only')).toContain(
      'Keys in range: 5000',
    )
    expect(await readdir(secondary)).toContain('LOG')
  })

  test('wal_dir is refused for new and existing databases, and nothing is committed', async () => {
    const benchmark = ['--benchmarks=fillseq', '--num=10', `--wal_dir=${join(outside, 'wal')}`]
    const expected = /keeps its write-ahead log outside .* Open the database without RocksDB's wal_dir/
    expect(await refusal('db_bench', `--db=${join(root, 'new')}`, ...benchmark)).toMatch(expected)
    const overwrite = benchmark.map((argument) => argument.replace('fillseq', 'overwrite'))
    expect(await refusal('db_bench', `--db=${db}`, '--use_existing_db=1', ...overwrite)).toMatch(expected)
    expect(await ldb('dump', '--count_only')).toContain('Keys in range: 5000')
  })

  test('no database outside the root is opened for writing', async () => {
    const output = await refusal(
      'ldb',
      `--db=${join(outside, 'new')}`,
      '--create_if_missing',
      'put',
      'a',
      'b',
    )
    expect(output).toContain(`does not lie below the Env's root ${root}`)
    expect(await readdir(join(outside, 'new'))).not.toContain('CURRENT')
  })

  test('looking up a file that the Env refuses is an error and does not end the program', async () => {
    const output = await refusal('ldb', `--db=${join(root, '.cloudenv/db')}`, 'get', 'a')
    expect(output).toContain('Choose another path')
    const unspeakable = await refusal('ldb', `--db=${root}/d\u0001b`, '--create_if_missing', 'put', 'a', 'b')
    expect(unspeakable).toContain("can't hold a database")
  })

  async function logs(directory: string): Promise<Map<string, string>> {
    const names = (await readdir(directory)).filter((name) => name.endsWith('.log'))
    return new Map(
      await Promise.all(
        names.map(async (name) => [name, await readFile(join(directory, name), 'hex')] as const),
      ),
    )
  }
})

test('db_log_dir may put info logs into another directory, also outside the root', async () => {
  const temporary = temporaryDirectory()
  const logDirectory = join(temporary, 'info-logs')
  await mkdir(logDirectory)
  const env = cloudEnv({ store: `file://${temporary}/store`, root: join(temporary, 'root') })
  const db = await RocksDB.open(join(temporary, 'root/db'), { env, options: { db_log_dir: logDirectory } })
  await db.put('a', '1')
  await db.close()
  await env.close()
  expect((await readdir(logDirectory)).join()).toMatch(/LOG/)
})
