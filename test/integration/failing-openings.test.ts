// The process that has the database open for writing does not notice an opening that fails.
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { decodeCloudManifest } from '#src/format/cloud-manifest.js'
import { parseObjectName } from '#src/format/file-name.js'
import { type CloudEnvOptions, cloudEnv, type HostedEnv, type OpenOptions, RocksDB } from '#src/index.js'
import { runChild } from '../support/child.js'
import { extended, flipped, tableAnatomy, truncated } from '../support/damage.js'
import { FaultProxy, s3ErrorBody } from '../support/fault-proxy.js'
import { Machine, newRoot } from '../support/machine.js'
import { mainTestStores, type TestStore } from '../support/test-stores.js'

const utf8 = { valueEncoding: 'utf8' } as const

/** A database that is open for writing on a machine of its own, with some tables of level 0. */
class LiveOwner {
  readonly store: TestStore
  readonly machine: Machine
  readonly #env: HostedEnv
  readonly #db: RocksDB
  #flushes = 0

  static async start(store: TestStore): Promise<LiveOwner> {
    const machine = new Machine(store, { ownershipCheckMs: 50 })
    const env = cloudEnv(machine.options)
    const options = { level0_file_num_compaction_trigger: 1000, level0_slowdown_writes_trigger: 1000 }
    const db = await RocksDB.open(machine.path, {
      env,
      options: { ...options, level0_stop_writes_trigger: 1000, compression: 'kNoCompression' },
    })
    const owner = new LiveOwner(store, machine, env, db)
    await owner.flush()
    await owner.flush()
    return owner
  }

  private constructor(store: TestStore, machine: Machine, env: HostedEnv, db: RocksDB) {
    this.store = store
    this.machine = machine
    this.#env = env
    this.#db = db
  }

  async flush(): Promise<void> {
    await this.#db.put(`flush${this.#flushes}`, 'x'.repeat(1000))
    await this.#db.flush({ timeoutMs: 20_000 })
    this.#flushes += 1
  }

  /** Puts a row that is in the log only. */
  async log(): Promise<void> {
    await this.#db.put('logged', 'x', { sync: true })
  }

  async cloudManifest(): Promise<string> {
    return Buffer.from(await this.store.get('db/CLOUDMANIFEST')).toString('hex')
  }

  /** The newest table. */
  async table(): Promise<string> {
    return [...(await this.store.list()).keys()].filter((key) => key.includes('.sst-')).at(-1)!
  }

  /** Objects of epochs that the database does not have. */
  async strangers(): Promise<string[]> {
    const { past, current } = decodeCloudManifest(await this.store.get('db/CLOUDMANIFEST'))
    const epochs = [current, ...past.map(({ epoch }) => epoch)]
    return [...(await this.store.list()).keys()].filter((key) => {
      const name = key.startsWith('db/') ? parseObjectName(key.slice(3)) : undefined
      return name && 'epoch' in name && !epochs.includes(name.epoch)
    })
  }

  /** Closes it, and checks that each acknowledged flush is there. */
  async end(): Promise<void> {
    await this.#db.close()
    await this.#env.close()
    await new Machine(this.store).open(
      async (db) => {
        const keys = Array.from({ length: this.#flushes }, (_, index) => `flush${index}`)
        expect(await db.getMany(keys, utf8)).toEqual(keys.map(() => 'x'.repeat(1000)))
      },
      { readOnly: true },
    )
  }
}

interface FailingOpening {
  readonly title: string
  readonly open?: OpenOptions
  readonly env?: Partial<CloudEnvOptions>
  /** Spoils the store. The returned function undoes that. */
  spoil?(owner: LiveOwner): Promise<() => Promise<void>>
  /** Spoils the local directory, which does not exist before. */
  local?(directory: string, owner: LiveOwner): Promise<void>
  readonly error: RegExp
}

const engine = (options: Record<string, string | number | boolean>) => ({ open: { options } })

/** Replaces the newest table for as long as the opening lasts. */
const tableAs =
  (change: (bytes: Uint8Array) => Uint8Array) =>
  async ({ store, table }: { store: TestStore; table: string }) => {
    const sound = await store.get(table)
    await store.put(table, change(sound))
    return () => store.put(table, sound)
  }

const spoilTable =
  (change: (bytes: Uint8Array) => Uint8Array): NonNullable<FailingOpening['spoil']> =>
  async (owner) =>
    tableAs(change)({ store: owner.store, table: await owner.table() })

/** A directory with a continuation of the owner's own log, like a snapshot of that machine's disk. */
const copyOfOwner = async (directory: string, { machine }: LiveOwner, change: (log: Buffer) => Buffer) => {
  await mkdir(directory, { recursive: true })
  await copyFile(join(machine.path, 'CLOUDENV'), join(directory, 'CLOUDENV'))
  for (const name of await readdir(machine.path)) {
    if (name.endsWith('.log'))
      await writeFile(join(directory, name), change(await readFile(join(machine.path, name))))
  }
}

const openings: readonly FailingOpening[] = [
  {
    title: 'another comparator',
    ...engine({ comparator: 'rocksdb.ReverseBytewiseComparator' }),
    error: /comparator/i,
  },
  { title: 'error_if_exists', ...engine({ error_if_exists: true }), error: /exists/ },
  {
    title: 'a column family that may not be created',
    open: { options: { create_missing_column_families: false }, columnFamilies: { absent: {} } },
    error: /absent/,
  },
  {
    title: 'mmap together with direct reads',
    ...engine({ allow_mmap_reads: true, use_direct_reads: true }),
    error: /mmap|direct/i,
  },
  {
    title: 'unordered writes with incompatible options',
    ...engine({ unordered_write: true, enable_pipelined_write: true, atomic_flush: false }),
    error: /unordered|pipelined/,
  },
  {
    title: 'in-place updates with concurrent memtables',
    ...engine({ inplace_update_support: true }),
    error: /concurrent|in-?place/i,
  },
  {
    title: 'a table that is missing',
    async spoil(owner) {
      const table = await owner.table()
      const sound = await owner.store.get(table)
      await owner.store.delete([table])
      return () => owner.store.put(table, sound)
    },
    error: /is missing in the store/,
  },
  { title: 'a table that is too short', spoil: spoilTable((bytes) => truncated(bytes)), error: /instead of/ },
  { title: 'a table that is too long', spoil: spoilTable((bytes) => extended(bytes)), error: /instead of/ },
  {
    title: 'a table of a later format',
    spoil: spoilTable((bytes) => flipped(bytes, tableAnatomy(bytes).version.offset, 0x40)),
    error: /format_version|footer|unsupported/i,
  },
  {
    title: 'a table with a damaged footer',
    spoil: spoilTable((bytes) => flipped(bytes, tableAnatomy(bytes).magic.offset)),
    error: /magic/i,
  },
  {
    title: 'a table with damaged properties',
    spoil: spoilTable((bytes) => flipped(bytes, tableAnatomy(bytes).metaindex.offset)),
    error: /checksum|Corruption/i,
  },
  {
    title: 'a local record that cannot be read',
    async local(directory) {
      await mkdir(directory, { recursive: true })
      await writeFile(join(directory, 'CLOUDENV'), '{')
    },
    error: /CLOUDENV can't be read/,
  },
  {
    title: 'a directory of another store',
    async local(directory) {
      await mkdir(directory, { recursive: true })
      const record = { url: 's3://elsewhere/db', epochs: ['c0ffee'], creating: false }
      await writeFile(join(directory, 'CLOUDENV'), JSON.stringify(record))
    },
    error: /belongs to s3:\/\/elsewhere/,
  },
  {
    title: 'a directory of a database that is not in a store',
    local: async (directory) => {
      const db = await RocksDB.open(directory)
      await db.close()
    },
    error: /was not opened from/,
  },
  {
    title: 'a local disk on which nothing can be created',
    async local(directory) {
      // Path to which the record is written before it is moved into place.
      await mkdir(join(directory, 'CLOUDENV.tmp'), { recursive: true })
    },
    error: /CLOUDENV/,
  },
  {
    title: 'a local disk that fails in the middle of it',
    async local(directory) {
      await mkdir(join(directory, 'IDENTITY.tmp'), { recursive: true })
    },
    error: /IDENTITY/,
  },
  {
    title: 'a damaged log that continues the state',
    open: { options: { wal_recovery_mode: 'kAbsoluteConsistency' } },
    local: (directory, owner) =>
      copyOfOwner(directory, owner, (log) => Buffer.from(flipped(log, Math.floor(log.length / 2)))),
    error: /checksum|Corruption/i,
  },
  { title: 'a cookie of no state', env: { cookie: 'none' }, error: /no CLOUDMANIFEST-none/ },
]

describe.each(mainTestStores())('an owner, with the store in $name', ({ make }) => {
  const store = make()
  let owner: LiveOwner
  beforeAll(async () => {
    owner = await LiveOwner.start(store)
  })
  afterAll(() => owner.end())

  test.each(openings)(
    'does not notice an opening that fails by $title',
    async ({ open, env, spoil, local, error }) => {
      await owner.log()
      const before = await owner.cloudManifest()
      const root = newRoot()
      const machine = new Machine(store, { root, ...env })
      await local?.(machine.path, owner)
      const kept = ['CLOUDENV', /\.log$/]
      const localBefore = await contents(machine.path, kept)
      const undo = await spoil?.(owner)
      try {
        await expect(machine.open(() => 'opened', open)).rejects.toThrow(error)
      } finally {
        await undo?.()
      }
      expect(await contents(machine.path, kept)).toMatchObject(localBefore)
      expect(await owner.strangers()).toEqual([])
      expect(await owner.cloudManifest()).toBe(before)
      await owner.flush()
    },
  )
})

/** The files of a directory whose names match, by name. */
async function contents(
  directory: string,
  names: readonly (string | RegExp)[],
): Promise<Record<string, string>> {
  const found = await readdir(directory).catch(() => [])
  const wanted = found.filter((name) =>
    names.some((match) => (typeof match === 'string' ? match === name : match.test(name))),
  )
  const entries = wanted.map(async (name) => [name, await readFile(join(directory, name), 'hex')] as const)
  return Object.fromEntries(await Promise.all(entries))
}

describe.each(inject('servers').filter(({ name }) => name === 'minio'))(
  'an owner, with the store in $name',
  () => {
    const { make } = mainTestStores().find(({ name }) => name === 'minio')!
    let proxy: FaultProxy
    let store: TestStore
    let owner: LiveOwner
    beforeAll(async () => {
      store = make()
      proxy = await FaultProxy.start(store.connection.endpoint!)
      owner = await LiveOwner.start(store)
      return () => proxy.stop()
    })
    afterAll(() => owner.end())

    test.each([
      ['refuses every write', 'PUT', /./],
      ['refuses the new MANIFEST', 'PUT', /MANIFEST-/],
      ['refuses to be read', 'GET', /MANIFEST-/],
      ['refuses to be listed', 'GET', /list-type/],
    ])('does not notice an opening for which the store %s', async (_title, method, path) => {
      proxy.reset()
      const refused = { kind: 'answer', status: 403, body: s3ErrorBody('AccessDenied') } as const
      proxy.next(method, refused, { path, times: Number.POSITIVE_INFINITY })
      const before = await owner.cloudManifest()
      const machine = new Machine(store, { endpoint: proxy.endpoint })
      await expect(machine.open(() => 'opened')).rejects.toThrow(/access denied/)
      expect(await owner.strangers()).toEqual([])
      expect(await owner.cloudManifest()).toBe(before)
      await owner.flush()
    })

    test.each([
      ['reads the state', /^GET .*CLOUDMANIFEST/],
      ['reads the MANIFEST', /^GET .*\/MANIFEST-/],
      ['lists the tables', /^GET .*list-type/],
      ['reads a table', /^GET .*\.sst-/],
      ['writes the new MANIFEST', /^PUT .*\/MANIFEST-/],
    ])('does not notice a process that is killed while it %s', async (_title, request) => {
      proxy.reset()
      const [method = '', pattern = ''] = request.source.slice(1).split(' ')
      proxy.next(method, { kind: 'hang' }, { path: new RegExp(pattern), times: Number.POSITIVE_INFINITY })
      const before = await owner.cloudManifest()
      const machine = new Machine(store, { endpoint: proxy.endpoint })
      const arrived = proxy.arrival(request)
      const { process, ended } = runChild(
        `const { cloudEnv, RocksDB } = await load('index.js')
       await RocksDB.open(args[0], { env: cloudEnv(JSON.parse(args[1])) })`,
        [machine.path, JSON.stringify(machine.options)],
      )
      await arrived
      process.kill('SIGKILL')
      await ended
      expect(await owner.cloudManifest()).toBe(before)
      await owner.flush()
    })
  },
)
