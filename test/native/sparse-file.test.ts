import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { EnvHost } from '#src/host/env-host.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { havePrograms, programSuite, run, runOn } from './programs.js'
import { type SparseBehaviour, SparseEnv } from './sparse-env.js'

const keys = 40_000
const found = new RegExp(`\\(${keys} of ${keys} found\\)`)

describe.skipIf(!havePrograms)(programSuite('a sparse table'), () => {
  const directory = temporaryDirectory()
  const database = join(directory, 'db')
  let dump: string
  let host: EnvHost | undefined
  let hosts = 0

  beforeAll(async () => {
    const fill = [
      '--benchmarks=fillseq,compact',
      `--num=${keys}`,
      '--compression_type=none',
      `--db=${database}`,
    ]
    const filled = await run('db_bench', [
      ...fill,
      '--target_file_size_base=1000000',
      '--level_compaction_dynamic_level_bytes=0',
    ])
    expect(filled.code).toBe(0)
    dump = await scan()
    expect(dump.split('\n').length).toBeGreaterThan(keys)
  })

  afterEach(async () => {
    await host?.close()
    host = undefined
  })

  /** Serves the database; resolves with the Env and the path of the socket. */
  async function serve(behaviour?: SparseBehaviour) {
    const cache = join(directory, `cache-${++hosts}`)
    mkdirSync(cache)
    const env = new SparseEnv(cache, behaviour)
    host = await EnvHost.listen(env, join(directory, `${hosts}.sock`))
    return { env, socket: host.socketPath, cache }
  }

  async function scan(socket?: string): Promise<string> {
    const scanning = ['--hex', `--db=${database}`, 'scan']
    const ended = await (socket === undefined ? run('ldb', scanning) : runOn(socket, 'ldb', scanning))
    expect(ended).toMatchObject({ code: 0, signal: null })
    return ended.output
  }

  function bench(socket: string, benchmarks: string, ...more: string[]) {
    const options = ['--use_existing_db', `--num=${keys}`, `--db=${database}`, ...more]
    return runOn(socket, 'db_bench', [`--benchmarks=${benchmarks}`, ...options])
  }

  test('reads like the file that it stands for, fetching what is read', async () => {
    const { env, socket } = await serve()
    expect(await scan(socket)).toBe(dump)
    expect(env.files.length).toBeGreaterThan(2)
    expect(env.ensured).toBeGreaterThan(env.files.length)
  })

  test('is read without asking where it is present', async () => {
    const { env, socket } = await serve({ present: true })
    expect(await scan(socket)).toBe(dump)
    expect(env.files.length).toBeGreaterThan(2)
    expect(env.ensured).toBe(0)
  })

  test('asks once for a range that stays present', async () => {
    const { env, socket } = await serve()
    const ended = await bench(socket, 'readseq,readseq,readseq', '--cache_size=0')
    expect(ended).toMatchObject({ code: 0, signal: null })
    for (const { ensured } of env.files) expect(new Set(ensured.map(String)).size).toBe(ensured.length)
  })

  test('never asks for anything beyond its end', async () => {
    const { env, socket } = await serve()
    await scan(socket)
    for (const { size, ensured } of env.files) {
      for (const [offset, length] of ensured) expect(offset + length).toBeLessThanOrEqual(size)
    }
  })

  test('reads the bytes of an Env that keeps no copy', async () => {
    const { socket, cache } = await serve({ serveBytes: true })
    expect(await scan(socket)).toBe(dump)
    expect(readdirSync(cache)).toEqual([])
  })

  test('reads with any access path of RocksDB: single, batched, ahead, direct, mapped', async () => {
    const { socket } = await serve()
    const reading = 'readrandom,multireadrandom,readreverse'
    for (const option of ['--readahead_size=100000', '--use_direct_reads', '--mmap_read', '--async_io']) {
      const ended = await bench(
        socket,
        reading,
        '--batch_size=32',
        '--multiread_batched',
        '--verify_checksum',
        option,
      )
      expect(ended, option).toMatchObject({ code: 0, signal: null })
      expect(ended.output.match(/(\d+) of (\d+) found/g), option).toHaveLength(2)
      expect(ended.output, option).toMatch(found)
    }
  })

  test('requests everything that a batch misses at once', async () => {
    let most = 0
    let askedTogether: () => void
    const together = new Promise<void>((resolve) => {
      askedTogether = resolve
    })
    const { env, socket } = await serve({
      beforeEnsure: async (file) => {
        most = Math.max(most, ++file.ensuring)
        if (most > 2) askedTogether()
        // Until a batch was seen, each read waits for others to come; a single one waits in vain.
        await Promise.race([together, setTimeout(200)])
        file.ensuring--
      },
    })
    const ended = await bench(
      socket,
      'multireadrandom',
      '--batch_size=128',
      '--multiread_batched',
      '--cache_size=0',
    )
    expect(ended).toMatchObject({ code: 0, signal: null })
    expect(most).toBeGreaterThan(2)
    expect(env.ensured).toBeGreaterThan(most)
  })

  test('can be read while it is evicted again and again, and releases every copy', async () => {
    // Rarely enough that no read meets eight of them in a row.
    let ensured = 0
    const { env, socket } = await serve({ onEnsured: (file) => ++ensured % 50 === 0 && file.evict() })
    const ended = await bench(socket, 'readrandom', '--threads=8', '--cache_size=0')
    expect(ended, ended.output).toMatchObject({ code: 0, signal: null })
    expect(ended.output).toMatch(found)
    await host?.close()
    expect(Math.max(...env.files.map((file) => file.generation))).toBeGreaterThan(2)
    for (const { closed, releases, generation } of env.files) {
      expect(closed).toBe(true)
      // All but the last, which may have been in use to the end.
      for (let evicted = 1; evicted < generation; evicted++) expect(releases).toContain(evicted)
    }
  })

  test.each(['readrandom', 'multireadrandom'])(
    'that is truncated here while it is read is fetched again: %s',
    async (reads) => {
      const { env, socket } = await serve({ present: true })
      let isCut = false
      const ended = await runOn(
        socket,
        'db_bench',
        [
          `--benchmarks=readrandom,${reads}`,
          '--use_existing_db',
          `--num=${keys}`,
          `--db=${database}`,
          '--batch_size=32',
          '--multiread_batched',
          '--cache_size=0',
        ],
        {
          onOutput: (output) => {
            if (isCut || !output.includes('readrandom   :')) return
            isCut = true
            for (const file of env.files) file.cut()
          },
        },
      )
      expect(ended, ended.output).toMatchObject({ code: 0, signal: null })
      expect(ended.output.match(new RegExp(found, 'g'))).toHaveLength(2)
      expect(new Set(env.refetched).size).toBe(env.files.length)
    },
  )

  test('loses chunks again and again: no read brings holes', async () => {
    // Rarely enough that no read meets eight removals in a row.
    let ensured = 0
    const { env, socket } = await serve({ onEnsured: (file) => ++ensured % 30 === 0 && file.remove(40) })
    const ended = await bench(socket, 'readrandom', '--threads=8', '--cache_size=0')
    expect(ended, ended.output).toMatchObject({ code: 0, signal: null })
    expect(ended.output).toMatch(found)
    const repeated = env.files.flatMap(({ ensured: ranges }) => ranges.filter(([offset]) => offset < 4096))
    expect(repeated.length, 'what left was asked for again').toBeGreaterThan(2 * env.files.length)
  })

  test('marks what it reads, but not what it reads in order', async () => {
    const { env, socket } = await serve({ present: true })
    await scan(socket)
    const scanned = env.files.length
    await bench(socket, 'readrandom', '--cache_size=0')
    // Each file is closed by then.
    await host?.close()
    const used = env.files.map(({ usedChunks }) => usedChunks)
    expect(Math.max(...used.slice(0, scanned))).toBeLessThan(8)
    expect(Math.max(...used.slice(scanned))).toBeGreaterThan(100)
  })

  test('fails with a retryable error if it is evicted faster than it can be read', async () => {
    const { env, socket } = await serve({ onEnsured: (file) => file.evict() })
    const ended = await runOn(socket, 'ldb', [`--db=${database}`, 'scan'])
    expect(ended).toMatchObject({ code: 1, signal: null })
    expect(ended.output).toContain('evicted again before it could be read, 8 times')
    expect(env.files[0]!.ensured.length).toBeGreaterThanOrEqual(8)
  })
})
