import { beforeAll, beforeEach, describe, expect, inject, onTestFinished, test } from 'vitest'
import { CommandRunner, runCommand } from '../support/command-runner.js'
import { FaultProxy } from '../support/fault-proxy.js'
import { keyAt } from '../support/filled-database.js'
import { writeManyTables } from '../support/many-tables.js'
import { cliAccess, mainTestStores, type TestStore } from '../support/test-stores.js'

const minio = inject('servers').find(({ name }) => name === 'minio')
const tables = 5_002
/** S3 lists 1,000 objects at a time. Beside the tables there are the CLOUDMANIFEST, the MANIFEST and IDENTITY. */
const pages = Math.ceil((tables + 3) / 1000)

describe.runIf(minio)('a database of 5,002 tables', () => {
  let store: TestStore
  let proxy: FaultProxy
  beforeAll(async () => {
    store = mainTestStores()
      .find(({ name }) => name === 'minio')!
      .make()
    await writeManyTables(store, 'db', tables)
    await store.put('db/IDENTITY', Buffer.from('c0ffee00-0000-4000-8000-000000000000'))
    proxy = await FaultProxy.start(minio!.endpoint)
    return () => proxy.stop()
  })
  beforeEach(() => proxy.reset())

  const cloudenv = (...cliArguments: string[]) => cloudenvEnding(0, ...cliArguments)
  async function cloudenvEnding(expected: number, ...cliArguments: string[]): Promise<string> {
    const { options, env } = cliAccess({
      ...store,
      connection: { ...store.connection, endpoint: proxy.endpoint },
    })
    const { code, stdout } = await runCommand([...cliArguments, ...options], env)
    expect(code).toBe(expected)
    return stdout
  }
  const lists = () => proxy.seen.filter((request) => request.includes('list-type=2')).length
  const others = () => proxy.seen.length - lists()

  test('is listed with a request per page, and two for its state', async () => {
    expect(await cloudenv('ls', store.url())).toMatch(/^db +c0ffee +5,002 /m)
    expect([lists(), others()]).toEqual([pages, 2])
  })

  test.each(['info', 'tables'])('takes %s a request per page, and three for its state', async (command) => {
    expect(await cloudenv(command, store.url('db'))).toContain('5,002')
    expect([lists(), others()]).toEqual([pages, 3])
  })

  test('takes gc a request per page, three for its state, and one for unfinished uploads', async () => {
    expect(await cloudenv('gc', store.url('db'))).toContain('no garbage')
    expect([lists(), others()]).toEqual([pages, 3 + 1])
  })

  test.each(['ls', 'info', 'tables', 'gc', 'du'])('takes %s less than 200 MB of memory', async (command) => {
    const { options, env } = cliAccess(store)
    // A process of its own, because its peak memory is measured.
    const runner = new CommandRunner()
    onTestFinished(() => runner.stop())
    const { code, maxMemoryKiB } = await runner.run([command, store.url('db'), ...options], env)
    expect(code).toBe(0)
    expect(maxMemoryKiB * 1024).toBeLessThan(200e6)
  })

  test('has its entries counted with a request per table', async () => {
    const chosen = await cloudenv('tables', store.url('db'), '--entries', '--key', 'key00000003')
    expect(chosen).toMatch(/ +2 +key00000002 +key00000003 /)
    expect(lists()).toBe(pages)
    expect(others()).toBe(3 + 1)
  })

  test.each([
    ['below others that could have it', keyAt(7_001), 'value 7001\n', 0, 8],
    ['above others', keyAt(tables), 'newer\n', 0, 4],
    ['that none has', `${keyAt(7_001)}-`, '', 1, 8],
  ])('finds a key %s with a few requests', async (_, key, value, code, most) => {
    expect(await cloudenvEnding(code, 'get', store.url('db'), key)).toBe(value)
    expect(lists()).toBe(0)
    expect(others()).toBeLessThanOrEqual(most)
  })
})
