import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { runCli } from '../support/cli.js'
import { FaultProxy } from '../support/fault-proxy.js'
import { writeManyTables } from '../support/many-tables.js'
import { cliAccess, mainTestStores, type TestStore } from '../support/test-stores.js'

const minio = inject('servers').find(({ name }) => name === 'minio')
const tables = 5_000
/** S3 lists 1,000 objects at a time. Beside the tables there are the CLOUDMANIFEST and the MANIFEST. */
const pages = Math.ceil((tables + 2) / 1000)

describe.runIf(minio)('a database of 5,000 tables', () => {
  let store: TestStore
  let proxy: FaultProxy
  beforeAll(async () => {
    store = mainTestStores()
      .find(({ name }) => name === 'minio')!
      .make()
    await writeManyTables(store, 'db', tables)
    proxy = await FaultProxy.start(minio!.endpoint)
  })
  afterAll(() => proxy.stop())
  beforeEach(() => proxy.reset())

  async function cloudenv(...cliArguments: string[]): Promise<string> {
    const { options, env } = cliAccess({
      ...store,
      connection: { ...store.connection, endpoint: proxy.endpoint },
    })
    const { code, stdout } = await runCli([...cliArguments, ...options], env)
    expect(code).toBe(0)
    return stdout
  }
  const lists = () => proxy.seen.filter((request) => request.includes('list-type=2')).length
  const others = () => proxy.seen.length - lists()

  test('is listed with a request a page, and two for what it is', async () => {
    expect(await cloudenv('ls', store.url())).toMatch(/^db +c0ffee +5,000 /m)
    expect([lists(), others()]).toEqual([pages, 2])
  })

  test.each(['info', 'tables', 'gc'])(
    'takes %s a request a page, and two for what it is',
    async (command) => {
      expect(await cloudenv(command, store.url('db'))).toContain(command === 'gc' ? 'no garbage' : '5,000')
      expect([lists(), others()]).toEqual([pages, 2])
    },
  )

  test('counts the entries of its tables with a request a table', async () => {
    const chosen = await cloudenv('tables', store.url('db'), '--entries', '--key', 'key00000003')
    expect(chosen).toMatch(/ +2 +key00000002 +key00000003 /)
    expect(lists()).toBe(pages)
    expect(others()).toBe(2 + 1)
  })
})
