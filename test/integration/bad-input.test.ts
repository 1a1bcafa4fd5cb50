import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, inject, test } from 'vitest'
import { type CloudEnvOptions, cloudEnv, type OpenOptions, RocksDB, RocksDBError } from '#src/index.js'
import { Machine, pathsBelow, refusal } from '../support/machine.js'
import { mainTestStores } from '../support/test-stores.js'

const utf8 = { valueEncoding: 'utf8' } as const
const nothing = () => undefined

describe('arguments', () => {
  const { make } = mainTestStores()[0]!

  test.each<[what: string, options: object, errorClass: typeof TypeError, message: RegExp]>([
    ['an unknown option of RocksDB', { options: { write_bufer_size: 1 } }, RangeError, /"write_bufer_size"/],
    ['an unknown option of a column family', { columnFamilies: { a: { nope: 1 } } }, RangeError, /"nope"/],
    [
      'an unknown nested option',
      { options: { block_based_table_factory: { nope: 1 } } },
      TypeError,
      /"block_based_table_factory".*nope/,
    ],
    [
      'a value that does not suit the option',
      { options: { max_background_jobs: 'many' } },
      TypeError,
      /"max_background_jobs" to be an integer or a size such as "64 MB", got "many"/,
    ],
    ['a value of no known type', { options: { max_background_jobs: [4] } }, TypeError, /got an array/],
    [
      'an option that would lead the write-ahead log elsewhere',
      { options: { wal_dir: '/tmp/wal' } },
      RangeError,
      /"wal_dir" can't be used with this Env: the write-ahead log stays/,
    ],
    ['an unknown option of open', { readonly: true }, TypeError, /"readonly".*readOnly/],
  ])('%s is refused before anything is created', async (_, options, errorClass, message) => {
    const store = make()
    const machine = new Machine(store)
    const error = await refusal(store, () => machine.open(nothing, options as OpenOptions))
    expect(error).toBeInstanceOf(errorClass)
    expect(error.message).toMatch(message)
    expect(await pathsBelow(machine.root)).toEqual([])
    await machine.open((db) => db.put('a', '1'))
  })

  test.each<[what: string, options: object, message: RegExp]>([
    [
      'an unknown option of the Env',
      { bukket: 'x' },
      /unknown option "bukket" of cloudEnv; it takes store, root/,
    ],
    ['an unknown option of the cache', { cache: { size: 1 } }, /unknown option "cache.size"/],
    [
      'an invalid cache',
      { cache: '10 GiB' },
      /expected "cache" to be an object such as { maxBytes: '10 GiB' }, got "10 GiB"/,
    ],
    ['a size that is none', { cache: { maxBytes: 'lots' } }, /"cache.maxBytes".*"10 GiB", got "lots"/],
    ['a URL of another scheme', { store: 'gs://bucket' }, /"s3:\/\/bucket\/prefix".*got "gs:\/\/bucket"/],
    ['a URL with a ".." in its path', { store: 's3://bucket/a/../b' }, /"s3:\/\/bucket\/a\/\.\.\/b".*"\.\."/],
    [
      'a directory with a ".." in its path',
      { store: 'file:///tmp/a/../b' },
      /"file:\/\/\/tmp\/a\/\.\.\/b".*"\.\."/,
    ],
    ['a URL without a bucket', { store: 's3:///prefix' }, /"s3:\/\/\/prefix": it names no bucket/],
    ['an endpoint that is no URL', { endpoint: '127.0.0.1:9000' }, /"endpoint".*got "127\.0\.0\.1:9000"/],
  ])('%s is refused at once', async (_, options, message) => {
    const store = make()
    const machine = new Machine(store, options as Partial<CloudEnvOptions>)
    const error = await refusal(store, () => machine.open(nothing))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toMatch(message)
    expect(await pathsBelow(machine.root)).toEqual([])
  })

  test.each([
    [null, 'null'],
    [undefined, 'undefined'],
    ['s3://bucket', '"s3://bucket"'],
    [[], 'an array'],
  ])('%j are no options of cloudEnv', (options, shown) => {
    const message = `expected the options of cloudEnv to be an object, got ${shown}`
    expect(() => cloudEnv(options as never)).toThrow(new TypeError(message))
  })

  test('an invalid key or value is a TypeError, and writes nothing', async () => {
    const store = make()
    await new Machine(store).open(async (db) => {
      const calls: (() => unknown)[] = [
        () => db.get(1 as never),
        () => db.getMany(['a', null as never]),
        () => db.put({} as never, 'b'),
        () => db.put('a', undefined as never),
        () => db.delete(['a'] as never),
        () => db.batch([{ type: 'put', key: 'a', value: '1' }, null as never]),
        () =>
          db.batch([
            { type: 'put', key: 'a', value: '1' },
            { type: 'put', key: 7 as never, value: '1' },
          ]),
        () => db.get('a', { columnFamily: 'default' as never }),
      ]
      for (const call of calls) {
        const error = await (async () => call())().catch((thrown: unknown) => thrown)
        expect(error, String(call)).toBeInstanceOf(TypeError)
        expect((error as Error).message, String(call)).toMatch(/^expected /)
      }
      expect(() => db.getSync(null as never)).toThrow(TypeError)
      expect(await db.get('a')).toBeUndefined()
    })
  })

  test('a closed database answers nothing but Closed', async () => {
    const closed = await new Machine(make()).open((db) => db)
    const calls: (() => unknown)[] = [
      () => closed.get('a'),
      () => closed.getSync('a'),
      () => closed.getMany([]),
      () => closed.put('a', '1'),
      () => closed.delete('a'),
      () => closed.batch([]),
      () => closed.flush(),
      () => closed.syncWal(),
      () => closed.compactRange(),
      () => closed.iterator(),
      () => closed.snapshot(),
      () => closed.getProperty('rocksdb.stats'),
      () => closed.createColumnFamily('a'),
    ]
    for (const call of calls) {
      const error = await (async () => call())().catch((thrown: unknown) => thrown)
      expect(error, String(call)).toMatchObject({ name: 'RocksDBError', code: 'Closed' })
    }
    await closed.close()
  })
})

describe.each(mainTestStores())('databases, with the store in $name', ({ make }) => {
  test('a database outside the root is refused, and nothing is created there', async () => {
    const store = make()
    const machine = new Machine(store)
    const outside = new Machine(store)
    for (const path of [outside.path, join(machine.root, '..', 'db'), dirname(machine.root)]) {
      const before = await pathsBelow(outside.root)
      const error = await refusal(store, () => machine.open(nothing, { path }))
      expect(error).toMatchObject({ code: 'InvalidArgument' })
      expect(error.message).toContain(
        `does not lie below the Env's root ${machine.root}. Choose a path below`,
      )
      expect(await pathsBelow(outside.root)).toEqual(before)
    }
    const own = await refusal(store, () =>
      machine.open(nothing, { path: join(machine.root, '.cloudenv/db') }),
    )
    expect(own.message).toMatch(/lies in a "\.cloudenv", which is an Env's own. Choose another path/)
  })

  test('a path that no object can have is refused with the reason', async () => {
    const store = make()
    const machine = new Machine(store)
    for (const options of [{}, { readOnly: true }]) {
      const path = join(machine.root, 'd\u0001b')
      const error = await refusal(store, () => machine.open(nothing, { path, ...options }))
      expect(error).toMatchObject({ code: 'InvalidArgument' })
      expect(error.message).toMatch(/d\\u0001b" can't hold a database: its path in the store, .* a character/)
      expect(await pathsBelow(machine.root)).toEqual([])
    }
  })

  test('a missing database is NotFound with createIfMissing false or read-only, and none is created', async () => {
    const store = make()
    const machine = new Machine(store)
    for (const options of [
      { createIfMissing: false },
      { readOnly: true },
      { readOnly: true, createIfMissing: true },
    ]) {
      const error = await refusal(store, () => machine.open(nothing, options))
      expect(error).toBeInstanceOf(RocksDBError)
      expect(error).toMatchObject({ code: 'NotFound' })
      expect(error.message).toContain(machine.path)
      expect(error.message).toContain(store.url('db'))
      expect(await machine.names()).toEqual([])
    }
    await machine.open((db) => db.put('a', '1'))
    expect(await machine.open((db) => db.get('a', utf8), { createIfMissing: false })).toBe('1')
  })

  test('a clone of a place without a database is refused, and none is created', async () => {
    const store = make()
    const source = store.url('no-such/db')
    const machine = new Machine(store, { source })
    const error = await refusal(store, () => machine.open(nothing))
    expect(error).toMatchObject({ name: 'RocksDBError', code: 'NotFound' })
    expect(error.message).toContain(`${source} has no database to make a clone of`)
    expect(await machine.names()).not.toContain('CURRENT')

    await new Machine({ ...store, url: () => store.url('no-such') }, { cookie: 'b' }).open(nothing)
    expect((await refusal(store, () => machine.open(nothing))).message).toContain('under another cookie: "b"')
  })

  test('a directory with a database of plain RocksDB is refused and left unchanged', async () => {
    const store = make()
    const machine = new Machine(store)
    const plain = await RocksDB.open(await mkdir(machine.path).then(() => machine.path))
    await plain.put('a', 'local')
    await plain.close()
    const before = await machine.names()
    const error = await refusal(store, () => machine.open(nothing))
    expect(error).toMatchObject({ code: 'InvalidArgument' })
    expect(error.message).toMatch(
      /holds a database that was not opened from .*\/db\. .*choose another directory/,
    )
    expect(await machine.names()).toEqual(expect.arrayContaining(before))
    const again = await RocksDB.open(machine.path)
    expect(await again.get('a', utf8)).toBe('local')
    await again.close()
  })

  test('a directory that belongs to another store is refused, and keeps its write-ahead log', async () => {
    const store = make()
    const other = make()
    const machine = new Machine(store)
    await machine.open((db) => db.put('a', '1'))
    const elsewhere = new Machine(other, { root: machine.root })
    const error = await refusal(other, () => elsewhere.open(nothing, { path: machine.path }))
    expect(error).toMatchObject({ code: 'InvalidArgument' })
    expect(error.message).toContain(`belongs to ${store.url('db')}, not to ${other.url('db')}`)
    expect(await machine.open((db) => db.get('a', utf8))).toBe('1')
  })

  test('a read-only database refuses every write', async () => {
    const store = make()
    const machine = new Machine(store)
    await machine.open((db) => db.put('a', '1'))
    const error = await refusal(store, () =>
      machine.open(
        async (db) => {
          await expect(db.flush()).rejects.toMatchObject({ code: 'NotSupported' })
          await expect(db.createColumnFamily('b')).rejects.toMatchObject({ code: 'NotSupported' })
          await expect(db.compactRange()).rejects.toMatchObject({ code: 'NotSupported' })
          await db.put('a', '2')
        },
        { readOnly: true },
      ),
    )
    expect(error).toMatchObject({ code: 'NotSupported' })
    expect(error.message).toContain(machine.path)
    expect(error.message).toMatch(/read.only/i)
    expect(await machine.open((db) => db.get('a', utf8))).toBe('1')
  })
})

describe.each(inject('servers').filter(({ name }) => name === 'minio'))('access to $name', () => {
  const minio = mainTestStores().find(({ name }) => name === 'minio')!

  test.each<[what: string, options: Partial<CloudEnvOptions>, code: string, message: RegExp]>([
    [
      'a bucket that does not exist',
      { store: 's3://no-such-bucket/prod' },
      'PathNotFound',
      /s3:\/\/no-such-bucket\/prod\/db.*the bucket does not exist .*Create it, set .*or correct the URL/,
    ],
    [
      'an unknown access key',
      { credentials: { accessKeyId: 'nobody', secretAccessKey: 'hush-hush' } },
      'IOError',
      /CLOUDMANIFEST: the store does not accept the credentials .*InvalidAccessKeyId.*AWS_ACCESS_KEY_ID/,
    ],
    [
      'a wrong secret',
      { credentials: { accessKeyId: 'cloudenv-test', secretAccessKey: 'hush-hush' } },
      'IOError',
      /CLOUDMANIFEST: the store does not accept the credentials.*SignatureDoesNotMatch.*AWS_ACCESS_KEY_ID/,
    ],
    [
      'a wrong region',
      { region: 'eu-west-1' },
      'InvalidArgument',
      /CLOUDMANIFEST: the bucket is in us-east-1 .*Set AWS_REGION, --region, .*"region"/,
    ],
    [
      'an endpoint where nothing listens',
      { endpoint: 'http://127.0.0.1:9' },
      'IOError',
      /CLOUDMANIFEST: the store cannot be reached .*ECONNREFUSED.*"endpoint"/,
    ],
  ])('%s is reported with what to do, whether it is opened or read', async (_, options, code, message) => {
    const store = minio.make()
    const machine = new Machine(store, options)
    for (const openOptions of [{}, { readOnly: true }, { createIfMissing: false }]) {
      const error = await refusal(store, () => machine.open(nothing, openOptions))
      expect(error).toMatchObject({ name: 'RocksDBError', code })
      expect(error.message).toMatch(message)
      expect(error.message).toContain(machine.path)
      expect(error.message).not.toContain('hush-hush')
      expect(await pathsBelow(machine.root)).toEqual([])
    }
    await new Machine(store, { root: machine.root }).open(nothing, { path: machine.path })
  })

  test('missing credentials are reported with what to do', async () => {
    const store = minio.make()
    const machine = new Machine(store)
    const { credentials: _, ...options } = machine.options
    const program = `
      import { cloudEnv, RocksDB } from '#src/index.js'
      const [options, path] = JSON.parse(process.argv[1])
      const env = cloudEnv(options)
      await RocksDB.open(path, { env }).catch(({ code, message }) => console.log(JSON.stringify({ code, message })))
      await env.close()`
    const environment = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_'))
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', program, JSON.stringify([options, machine.path])],
      {
        cwd: import.meta.dirname,
        env: { ...Object.fromEntries(environment), HOME: machine.root, AWS_EC2_METADATA_DISABLED: 'true' },
      },
    )
    expect(JSON.parse(stdout)).toEqual({
      code: 'IOError',
      message: expect.stringMatching(/CLOUDMANIFEST: there are no credentials .*AWS_ACCESS_KEY_ID/),
    })
    expect(await pathsBelow(machine.root)).toEqual([])
    expect(await store.list()).toEqual(new Map())
  })
})
