import { expect, test } from 'vitest'
import { optionsWithin, readMachineLimits } from '#src/host/machine-limits.js'

const mib = 1 << 20

test("an ordinary machine has RocksDB's own options, except for the number of open tables", () => {
  expect(optionsWithin({ diskBytes: 100 * 1024 * mib, openFiles: 524_288 })).toEqual({ max_open_files: 5000 })
  expect(optionsWithin({ diskBytes: undefined, openFiles: undefined })).toEqual({ max_open_files: 5000 })
})

test('few descriptors are mostly left to others, but tables never get fewer than level 0 needs', () => {
  expect(optionsWithin({ diskBytes: undefined, openFiles: 1024 }).max_open_files).toBe(416)
  expect(optionsWithin({ diskBytes: undefined, openFiles: 20 }).max_open_files).toBe(80)
})

test('write buffers, tables and the log fit a small disk together', () => {
  for (const diskBytes of [48 * mib, 200 * mib, 1000 * mib]) {
    const options = optionsWithin({ diskBytes, openFiles: undefined })
    const buffer = Number(options.write_buffer_size)
    expect(options.target_file_size_base).toBe(buffer)
    expect(Number(options.max_total_wal_size) + 2 * buffer).toBeLessThan(diskBytes / 2)
    expect(buffer).toBeGreaterThanOrEqual(mib)
  }
})

test('the limits are those of this process, and of the disk on which a root will be created', () => {
  const here = readMachineLimits(process.cwd())
  expect(here.diskBytes).toBeGreaterThan(mib)
  expect(readMachineLimits('/no/such/root').diskBytes).toBe(readMachineLimits('/').diskBytes)
  if (process.platform === 'linux') expect(here.openFiles).toBeGreaterThan(0)
})
