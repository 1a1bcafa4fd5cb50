import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { havePrograms, programSuite } from '../native/programs.ts'

const cloudenv = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** The distribution's tools on a database in S3, as one would run them from a shell. */
describe.skipIf(!havePrograms)(programSuite('cloudenv exec'), () => {
  describe.each(inject('servers'))('on $name', (server) => {
    const root = mkdtempSync(join(tmpdir(), 'cloudenv-exec-'))
    afterAll(() => rm(root, { recursive: true, force: true }))
    const prefix = `exec-${Math.random().toString(36).slice(2)}`
    const db = join(root, 'db')

    const exec = async (program: string, ...programArguments: string[]) => {
      const store = ['--store', `s3://${server.bucket}/${prefix}`, '--root', root]
      const connection = ['--endpoint', server.endpoint, '--region', server.region]
      const { stdout, stderr } = await promisify(execFile)(
        process.execPath,
        [cloudenv, 'exec', ...store, ...connection, '--', program, `--db=${db}`, ...programArguments],
        {
          maxBuffer: 1 << 26,
          env: {
            ...process.env,
            AWS_ACCESS_KEY_ID: server.accessKeyId,
            AWS_SECRET_ACCESS_KEY: server.secretAccessKey,
          },
        },
      )
      expect(stdout + stderr).not.toMatch(/error|fail/i)
      return stdout
    }

    test('db_bench fills, reads, reads while writing, compacts and deletes', async () => {
      const benchmarks = ['fillrandom', 'readrandom', 'readwhilewriting', 'compact', 'deleterandom']
      const output = await exec(
        'db_bench',
        `--benchmarks=${benchmarks.join(',')}`,
        '--num=100000',
        '--write_buffer_size=2097152',
      )
      for (const name of benchmarks) expect(output).toMatch(new RegExp(`^${name} +:`, 'm'))
    })

    test('ldb finds the database consistent and scans it, from the bucket alone', async () => {
      const before = await exec('ldb', 'dump', '--count_only')
      rmSync(root, { recursive: true })
      expect(await exec('ldb', 'checkconsistency')).toContain('OK')
      expect(await exec('ldb', 'scan', '--max_keys=10', '--hex')).toMatch(
        /^(0x[0-9A-F]+ (:|==>) 0x[0-9A-F]+\s+){10}/m,
      )
      expect(before).toMatch(/Keys in range: [1-9]/)
    })
  })
})
