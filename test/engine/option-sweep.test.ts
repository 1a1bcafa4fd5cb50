import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { native } from '#src/binding/native.js'
import { parseOptionList } from '#src/engine/option-list.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

type Options = Readonly<Record<string, unknown>>

/** Each ended or hung a process, or filled its disk, when it reached RocksDB 7.8 or 9.10. */
const hostile: readonly Options[] = [
  ...[-1, '-2147483648', 4e12, '18446744073709551615'].map((value) => ({ compaction_readahead_size: value })),
  ...[0, -2147483648, 2147483647].map((value) => ({ max_background_jobs: value })),
  { max_background_flushes: 2147483647 },
  { max_background_compactions: 2147483647 },
  { max_file_opening_threads: 2147483647 },
  { max_subcompactions: 4294967295 },
  { log_readahead_size: 4e12 },
  ...[20, 63, 1000].map((value) => ({ table_cache_numshardbits: value })),
  ...[4e12, '4 TB', -2147483648].map((value) => ({ manifest_preallocation_size: value })),
  ...[4e12, '9223372036854775807'].map((value) => ({ write_buffer_size: value })),
  ...[0, 2147483647].map((value) => ({ compression_opts: { parallel_threads: value } })),
  { compression_opts: '{parallel_threads=0}' },
  { compression_opts: '4:5:6:7:8:0' },
  { 'compression_opts.parallel_threads': 0 },
  { bottommost_compression_opts: { parallel_threads: 0 } },
  ...[-1, 2147483647, '4 GB', '128 MB'].map((value) => ({ arena_block_size: value })),
  { arena_block_size: '1 MB', write_buffer_size: '64 KB' },
  { compression: 'kDisableCompressionOption' },
  ...[4294967296, '9007199254740992'].map((value) => ({ sample_for_compression: value })),
  ...[0, -1, 2147483647].map((value) => ({ num_levels: value })),
  ...[0, -1].flatMap((value) => [
    { block_based_table_factory: { block_restart_interval: value } },
    { block_based_table_factory: { index_block_restart_interval: value } },
    { block_based_table_factory: `{block_restart_interval=${value}}` },
    { block_based_table_factory: `block_restart_interval=${value}` },
    { 'block_based_table_factory.block_restart_interval': value },
    { table_factory: `{id=BlockBasedTable;block_restart_interval=${value}}` },
  ]),
  ...[0, 1, 1000000, 'x'].map((value) => ({ rate_limiter_bytes_per_sec: value })),
  { rate_limiter: 'x' },
  { listeners: 'x' },
  { table_properties_collectors: 'nullptr' },
  { table_properties_collectors: '{}' },
  { env: 'nullptr' },
  // Options of former versions, accepted without effect.
  { max_mem_compaction_level: 2 },
  { soft_rate_limit: 1 },
  { block_based_table_factory: { skip_table_builder_flush: true } },
]

/** Unusual but fine: limits must not forbid what works. */
const strange: readonly Options[] = [
  { compaction_readahead_size: 0 },
  { max_background_jobs: 1 },
  { max_background_flushes: -1, max_background_compactions: -1 },
  { table_cache_numshardbits: 7 },
  { manifest_preallocation_size: 0 },
  { write_buffer_size: 0 },
  { compression_opts: '4:5:6:7:0:2:false' },
  { arena_block_size: '1 MB', write_buffer_size: '1 MB' },
  { sample_for_compression: 2147483647 },
  { num_levels: 1000 },
  { block_based_table_factory: { block_restart_interval: 1, index_block_restart_interval: 2147483647 } },
  { max_open_files: 0 },
  { max_bytes_for_level_base: 0, level0_file_num_compaction_trigger: 1 },
]

/** Some of all pairs of an option and a hostile value. Another seed tries others: CLOUDENV_TEST_SEED. */
function sampled(count: number): readonly Options[] {
  const { database, family, table } = native.optionDefaults()
  const named = (text: string) => (parseOptionList(text) ?? []).map(([name]) => name)
  const values = [
    0,
    -1,
    1,
    2147483647,
    4294967296,
    4e12,
    '18446744073709551615',
    '-2147483648',
    '',
    'x',
    '{}',
  ]
  const pairs = [
    ...[...named(database), ...named(family)].flatMap((name) => values.map((value) => ({ [name]: value }))),
    ...named(table).flatMap((name) =>
      values.map((value) => ({ block_based_table_factory: { [name]: value } })),
    ),
  ]
  const seed = Number(process.env.CLOUDENV_TEST_SEED ?? 1)
  return fc.sample(fc.constantFrom<Options>(...pairs), { numRuns: count, seed })
}

interface Outcome {
  readonly options: Options
  readonly outcome: string
}

/** Outcome of opening a database with each of the options; the last one is how the process ended, if it ended early. */
async function outcomes(all: readonly Options[]): Promise<Outcome[]> {
  const directory = temporaryDirectory('cloudenv-options')
  const cases = join(directory, 'cases.json')
  writeFileSync(cases, JSON.stringify(all))
  const user = join(import.meta.dirname, '../support/option-user.js')
  // No file of more than 1 GB (in blocks of 512 bytes), so that reserving a whole disk fails instead of filling it.
  const limited = ['-c', 'ulimit -f 2000000 && exec "$@"', 'sh', process.execPath, user, cases]
  const child = spawn('sh', limited, {
    env: { ...process.env, TMPDIR: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const written = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) child[name].on('data', (data) => (written[name] += data))
  const [code, signal] = await once(child, 'close')
  const lines = written.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { readonly begun?: Options; readonly outcome?: string })
  const found = lines.filter(({ outcome }) => outcome !== undefined).map(({ outcome }) => outcome!)
  if (found.length < all.length) found.push(`ended with ${signal ?? code}: ${written.stderr.slice(-500)}`)
  return found.map((outcome, index) => ({ options: all[index]!, outcome }))
}

describe('no option ends the process', () => {
  test('values that would are refused, with the name of the option', async () => {
    for (const { options, outcome } of await outcomes(hostile)) {
      expect(outcome, JSON.stringify(options)).toMatch(
        /^RangeError: (expected option "|option ".*" can't be set)/,
      )
    }
  })

  test('any value of any option is refused, or works', async () => {
    for (const { options, outcome } of await outcomes(sampled(40)))
      expect(outcome, JSON.stringify(options)).toMatch(/^(works$|TypeError: |RangeError: |RocksDBError: )/)
  }, 120_000)

  test('values that are merely unusual work', async () => {
    for (const { options, outcome } of await outcomes(strange))
      expect(outcome, JSON.stringify(options)).toBe('works')
  })
})
