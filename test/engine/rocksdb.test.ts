import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { RocksDB, RocksDBError, type RocksDBOptions } from '#src/index.js'
import { newPath, openDatabase } from './open-database.ts'

const text = { valueEncoding: 'utf8' } as const

describe('reading and writing', () => {
  test('a put is readable until it is deleted, with get and getSync', async () => {
    const db = await openDatabase()
    await db.put('tea', 'green')
    expect(await db.get('tea', text)).toBe('green')
    expect(db.getSync('tea', text)).toBe('green')
    expect(await db.get('tea')).toEqual(Buffer.from('green'))
    expect(db.getSync('tea')).toEqual(Buffer.from('green'))
    await db.delete('tea')
    expect(await db.get('tea')).toBeUndefined()
    expect(db.getSync('tea')).toBeUndefined()
  })

  test('a string stands for its UTF-8 bytes, as a key and as a value', async () => {
    const db = await openDatabase()
    await db.put('grün', '✓')
    expect(await db.get(Buffer.from('grün'))).toEqual(Buffer.from('✓'))
    expect(db.getSync(new TextEncoder().encode('grün'), text)).toBe('✓')
  })

  test('keys and values are any bytes, or none', async () => {
    const db = await openDatabase()
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    await db.put(bytes, bytes)
    await db.put('', '')
    await db.put(bytes.subarray(0, 1), bytes.subarray(10, 20))
    expect(await db.get(bytes)).toEqual(Buffer.from(bytes))
    expect(await db.get('')).toEqual(Buffer.alloc(0))
    expect(await db.get('', text)).toBe('')
    expect(await db.get(Buffer.of(0))).toEqual(Buffer.from(bytes.subarray(10, 20)))
  })

  test('a value of 20 MiB comes back whole, from memory and from a table', async () => {
    const db = await openDatabase()
    const value = Buffer.alloc(20 << 20, 'rocks')
    await db.put('large', value)
    expect(value.equals((await db.get('large'))!)).toBe(true)
    await db.flush()
    expect(value.equals((await db.get('large'))!)).toBe(true)
    expect(value.equals(db.getSync('large')!)).toBe(true)
  })

  test('get finds values in tables that RocksDB has not opened yet', async () => {
    const path = newPath()
    // The fewest that RocksDB allows: it opens two of the tables with the database, and ten in all.
    const options = { max_open_files: 20, disable_auto_compactions: true }
    const keys = Array.from({ length: 15 }, (_, index) => `key${index}`)
    const written = await RocksDB.open(path, { options })
    for (const key of keys) {
      await written.put(key, `value of ${key}`)
      await written.flush()
    }
    await written.close()

    const db = await openDatabase({ path, options })
    for (const key of keys) expect(await db.get(key, { valueEncoding: 'utf8' })).toBe(`value of ${key}`)
  })

  test('getMany keeps the order of its keys, with undefined for those that are missing', async () => {
    const db = await openDatabase()
    await db.batch([
      { type: 'put', key: 'a', value: '1' },
      { type: 'put', key: 'b', value: '2' },
    ])
    expect(await db.getMany(['b', 'none', 'a', 'b'], text)).toEqual(['2', undefined, '1', '2'])
    expect(await db.getMany(['a'])).toEqual([Buffer.from('1')])
    expect(await db.getMany([])).toEqual([])
  })

  test('getMany finds a thousand keys in tables', async () => {
    const db = await openDatabase()
    const keys = Array.from({ length: 1000 }, (_, i) => `key ${i}`)
    await db.batch(keys.map((key) => ({ type: 'put', key, value: key })))
    await db.flush()
    expect(await db.getMany(keys, text)).toEqual(keys)
  })

  test('writes take effect in the order in which they were called', async () => {
    const db = await openDatabase()
    const writes: Promise<void>[] = []
    for (let i = 0; i < 2000; i++) writes.push(i % 3 === 2 ? db.delete('key') : db.put('key', String(i)))
    writes.push(db.put('key', 'last', { sync: true }), db.put('key', 'very last'))
    await Promise.all(writes)
    expect(await db.get('key', text)).toBe('very last')
  })

  test('a flush includes the writes called before it', async () => {
    const path = newPath()
    const db = await openDatabase({ path })
    void db.put('key', 'value', { disableWAL: true })
    await db.flush()
    expect(await db.getProperty('rocksdb.num-files-at-level0')).toBe('1')
    expect(await db.getProperty('rocksdb.num-entries-active-mem-table')).toBe('0')
  })

  test('a compaction keeps only the newest value of each key', async () => {
    const db = await openDatabase({ options: { disable_auto_compactions: true } })
    for (const value of ['1', '2', '3']) {
      await Promise.all([db.put('a', value), db.put('b', value)])
      await db.flush()
    }
    expect(await db.getProperty('rocksdb.num-files-at-level0')).toBe('3')
    await db.compactRange({ start: 'a', end: 'z' })
    expect(await db.getProperty('rocksdb.num-files-at-level0')).toBe('0')
    expect(await db.getProperty('rocksdb.aggregated-table-properties')).toContain('# entries=2;')
    expect(await db.getMany(['a', 'b'], text)).toEqual(['3', '3'])
  })

  test('a property that RocksDB does not have is undefined', async () => {
    const db = await openDatabase()
    expect(await db.getProperty('rocksdb.no-such-property')).toBeUndefined()
  })

  test('syncWal resolves once the log is on disk', async () => {
    const db = await openDatabase()
    await db.put('key', 'value')
    await expect(db.syncWal()).resolves.toBeUndefined()
  })
})

describe('a batch', () => {
  test('does all of its operations, in their order', async () => {
    const db = await openDatabase()
    await db.batch([
      { type: 'put', key: 'a', value: '1' },
      { type: 'put', key: 'b', value: '1' },
      { type: 'delete', key: 'a' },
      { type: 'put', key: 'b', value: '2' },
      { type: 'put', key: 'draft/1', value: '' },
      { type: 'deleteRange', start: 'draft/', end: 'draft0' },
    ])
    expect(await db.getMany(['a', 'b', 'draft/1'], text)).toEqual([undefined, '2', undefined])
  })

  test('with an invalid operation anywhere in it does nothing', async () => {
    const db = await openDatabase()
    const first = { type: 'put', key: 'a', value: '1' } as const
    await expect(db.batch([first, { type: 'put', key: 'b', value: 7 as never }])).rejects.toThrow(TypeError)
    await expect(db.batch([first, { type: 'set' as never, key: 'b', value: '' }])).rejects.toThrow(RangeError)
    await expect(db.batch([first, { type: 'deleteRange', start: 'z', end: 'a' }])).rejects.toThrow(RangeError)
    expect(await db.get('a')).toBeUndefined()
  })

  test('is never seen in part', async () => {
    const db = await openDatabase()
    let writing = true
    const writer = (async () => {
      for (let i = 0; i < 300; i++) {
        const value = String(i)
        await db.batch([
          { type: 'put', key: 'left', value },
          { type: 'put', key: 'right', value },
        ])
      }
      writing = false
    })()
    while (writing) {
      const [left, right] = await db.getMany(['left', 'right'], text)
      expect(left).toBe(right)
    }
    await writer
  })
})

describe('opening', () => {
  test('a reopened database has what was written', async () => {
    const path = newPath()
    const first = await openDatabase({ path })
    await first.put('in the log', '1')
    await first.put('in a table', '2')
    await first.flush()
    await first.put('in the log again', '3')
    await first.close()
    const second = await openDatabase({ path })
    expect(await second.getMany(['in the log', 'in a table', 'in the log again'], text)).toEqual([
      '1',
      '2',
      '3',
    ])
  })

  test('fails where there is none to open and none may be created, and leaves nothing behind', async () => {
    const path = newPath()
    await expect(RocksDB.open(path, { createIfMissing: false })).rejects.toMatchObject({
      code: 'NotFound',
      message: expect.stringContaining(path),
    })
    await expect(RocksDB.open(path, { readOnly: true })).rejects.toMatchObject({ code: 'NotFound' })
    await expect(RocksDB.listColumnFamilies(path)).rejects.toMatchObject({ code: 'NotFound' })
    expect(existsSync(path)).toBe(false)
  })

  test('a database that is open cannot be opened for writing again', async () => {
    const db = await openDatabase()
    await expect(RocksDB.open(db.path)).rejects.toMatchObject({
      name: 'RocksDBError',
      code: 'IOError',
      message: expect.stringMatching(new RegExp(`^cannot open "${db.path}": IO error: .*LOCK`)),
    })
  })

  test('read-only, it reads what was there and refuses to write', async () => {
    const db = await openDatabase()
    await db.put('key', 'value')
    const reader = await openDatabase({ path: db.path, readOnly: true })
    expect(await reader.get('key', text)).toBe('value')
    await expect(reader.put('key', 'other')).rejects.toMatchObject({ code: 'NotSupported' })
    await expect(reader.flush()).rejects.toBeInstanceOf(RocksDBError)
    expect(await reader.get('key', text)).toBe('value')
  })

  test('a damaged database is Corruption, with its path', async () => {
    const db = await openDatabase()
    await db.close()
    const manifest = readdirSync(db.path).find((name) => name.startsWith('MANIFEST'))!
    const bytes = readFileSync(join(db.path, manifest))
    bytes[10]! ^= 0xff
    writeFileSync(join(db.path, manifest), bytes)
    await expect(RocksDB.open(db.path)).rejects.toMatchObject({
      code: 'Corruption',
      message: expect.stringContaining(db.path),
    })
  })
})

describe('closing', () => {
  test('may be repeated', async () => {
    const db = await openDatabase()
    expect(db.close()).toBe(db.close())
    await db.close()
    await db.close()
  })

  test('waits for the calls under way', async () => {
    const path = newPath()
    const db = await openDatabase({ path })
    const calls = Promise.all([
      ...Array.from({ length: 200 }, (_, i) => db.put(`key ${i}`, 'value')),
      db.flush(),
      db.getMany(['key 1', 'key 2']),
    ])
    await db.close()
    await calls
    const again = await openDatabase({ path })
    expect(await again.get('key 199', text)).toBe('value')
  })

  test('ends every use of the database', async () => {
    const db = await openDatabase({ columnFamilies: { other: {} } })
    const iterator = db.iterator()
    const snapshot = db.snapshot()
    await db.close()
    const closed = { name: 'RocksDBError', code: 'Closed', message: expect.stringContaining('closed') }
    await expect(db.get('key')).rejects.toMatchObject(closed)
    await expect(db.getMany(['key'])).rejects.toMatchObject(closed)
    await expect(db.put('key', 'value')).rejects.toMatchObject(closed)
    await expect(db.delete('key')).rejects.toMatchObject(closed)
    await expect(db.batch([])).rejects.toMatchObject(closed)
    await expect(db.flush()).rejects.toMatchObject(closed)
    await expect(db.syncWal()).rejects.toMatchObject(closed)
    await expect(db.compactRange()).rejects.toMatchObject(closed)
    await expect(db.getProperty('rocksdb.stats')).rejects.toMatchObject(closed)
    await expect(db.createColumnFamily('new')).rejects.toMatchObject(closed)
    await expect(db.dropColumnFamily(db.columnFamily('other'))).rejects.toMatchObject(closed)
    await expect(iterator.next()).rejects.toMatchObject(closed)
    expect(() => db.getSync('key')).toThrow(expect.objectContaining(closed))
    expect(() => db.iterator()).toThrow(expect.objectContaining(closed))
    expect(() => db.snapshot()).toThrow(expect.objectContaining(closed))
    snapshot.close()
    await iterator.close()
  })
})

describe('a snapshot', () => {
  test('shows the database as it was', async () => {
    const db = await openDatabase()
    await db.put('key', 'old')
    const snapshot = db.snapshot()
    await db.put('key', 'new')
    await db.flush()
    expect(await db.get('key', { snapshot, ...text })).toBe('old')
    expect(db.getSync('key', { snapshot, ...text })).toBe('old')
    expect(await db.getMany(['key'], { snapshot, ...text })).toEqual(['old'])
    expect(await db.get('key', text)).toBe('new')
    snapshot.close()
    await expect(db.get('key', { snapshot })).rejects.toMatchObject({ code: 'Closed' })
  })

  test('of another database is refused', async () => {
    const [db, other] = [await openDatabase(), await openDatabase()]
    await expect(db.get('key', { snapshot: other.snapshot() })).rejects.toMatchObject({
      code: 'InvalidArgument',
    })
    await expect(db.get('key', { snapshot: {} as never })).rejects.toThrow(TypeError)
  })
})

describe('bad arguments are distinguished from failures', () => {
  test.each([[7], [null], [undefined], [{}], [[1, 2]], [new ArrayBuffer(2)], [new Uint16Array(2)]])(
    '%o is neither a key nor a value',
    async (bad) => {
      const db = await openDatabase()
      const value = bad as never
      await expect(db.get(value)).rejects.toThrow(/expected the key to be a string or a Uint8Array, got/)
      expect(() => db.getSync(value)).toThrow(TypeError)
      await expect(db.getMany(['a', value])).rejects.toThrow(/expected key 1 to be/)
      await expect(db.put(value, 'v')).rejects.toThrow(TypeError)
      await expect(db.put('k', value)).rejects.toThrow(/expected the value to be/)
      await expect(db.delete(value)).rejects.toThrow(TypeError)
      await expect(db.batch([{ type: 'delete', key: value }])).rejects.toThrow(TypeError)
    },
  )

  test('a path, an encoding, a time limit and a batch are checked', async () => {
    const db = await openDatabase()
    await expect(RocksDB.open('')).rejects.toThrow(TypeError)
    await expect(RocksDB.open(7 as never)).rejects.toThrow(/expected the path of the database to be a string/)
    await expect(db.get('k', { valueEncoding: 'json' as 'utf8' })).rejects.toThrow(
      /"buffer" or "utf8", got "json"/,
    )
    await expect(db.flush({ timeoutMs: -1 })).rejects.toThrow(RangeError)
    await expect(db.batch('a' as never)).rejects.toThrow(TypeError)
    await expect(db.getMany('a' as never)).rejects.toThrow(TypeError)
    await expect(db.getProperty(7 as never)).rejects.toThrow(TypeError)
  })
})

test('a compaction that rewrites gives the tables of the last level the present options', async () => {
  const path = newPath()
  const compressions = async (options: RocksDBOptions, rewrite: boolean) => {
    const db = await RocksDB.open(path, { options })
    for (const key of ['a', 'b']) await db.put(key, 'x'.repeat(10_000))
    await db.flush()
    await db.compactRange()
    const before = readdirSync(path).filter((name) => name.endsWith('.sst'))
    await db.compactRange({ rewrite })
    await db.close()
    return before.filter((name) => existsSync(join(path, name)))
  }
  expect(await compressions({ compression: 'kNoCompression' }, false)).toHaveLength(1)
  expect(await compressions({ compression: 'kSnappyCompression' }, true)).toEqual([])
})
