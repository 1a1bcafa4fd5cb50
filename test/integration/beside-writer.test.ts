import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cloudEnv, type OpenOptions, RocksDB } from '#src/index.js'
import { Machine } from '../support/machine.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { mainTestStores } from '../support/test-stores.js'

/** Logs, tables and MANIFESTs come and go. */
const options = { max_manifest_file_size: 4096, level0_file_num_compaction_trigger: 2 }

async function expectOpenings(path: string, openOptions: OpenOptions): Promise<void> {
  const writer = await RocksDB.open(path, { ...openOptions, options })
  let isDone = false
  const writing = (async () => {
    for (let round = 0; !isDone; round++) {
      await writer.put(`key${round % 50}`, `${round}`.padEnd(5000, '.'))
      await writer.flush()
    }
  })()
  try {
    for (let opening = 0; opening < 60; opening++) {
      const reader = await RocksDB.open(path, { ...openOptions, readOnly: true })
      await reader.close()
      expect(await RocksDB.listColumnFamilies(path, openOptions)).toEqual(['default'])
    }
  } finally {
    isDone = true
    await writing
    await writer.close()
  }
}

test('on plain files every read-only opening beside a writer succeeds', async () => {
  await expectOpenings(join(temporaryDirectory(), 'db'), {})
})

test('with a cloud Env every read-only opening beside a writer succeeds', async () => {
  const machine = new Machine(mainTestStores()[0]!.make())
  const env = cloudEnv(machine.options)
  await expectOpenings(machine.path, { env }).finally(() => env.close())
})
