import { expect, test } from 'vitest'
import { RocksDB } from '#src/index.js'
import { all, newPath, openDatabase } from './open-database.ts'

const text = { valueEncoding: 'utf8' } as const

test('column families keep the same key apart', async () => {
  const db = await openDatabase({ columnFamilies: { blue: {}, red: {} } })
  const [blue, red] = [db.columnFamily('blue'), db.columnFamily('red')]
  await db.batch([
    { type: 'put', key: 'key', value: 'default' },
    { type: 'put', key: 'key', value: 'blue', columnFamily: blue },
    { type: 'put', key: 'key', value: 'red', columnFamily: red },
  ])
  await db.delete('key', { columnFamily: red })
  expect(await db.get('key', text)).toBe('default')
  expect(db.getSync('key', { columnFamily: blue, ...text })).toBe('blue')
  expect(await db.getMany(['key'], { columnFamily: red })).toEqual([undefined])
  expect(await all(db.iterator({ columnFamily: blue, keyEncoding: 'utf8', valueEncoding: 'utf8' }))).toEqual([
    ['key', 'blue'],
  ])
})

test('existing ones are opened without being named', async () => {
  const path = newPath()
  const first = await openDatabase({ path, columnFamilies: { blue: {} } })
  await first.put('key', 'value', { columnFamily: first.columnFamily('blue') })
  await first.close()
  expect(await RocksDB.listColumnFamilies(path)).toEqual(['default', 'blue'])
  const second = await openDatabase({ path, createIfMissing: false })
  expect(second.columnFamilyNames).toEqual(['default', 'blue'])
  expect(await second.get('key', { columnFamily: second.columnFamily('blue'), ...text })).toBe('value')
})

test('a read-only opening may leave out those that it does not name', async () => {
  const path = newPath()
  const families = { blue: {}, red: { comparator: 'rocksdb.ReverseBytewiseComparator' } }
  const writer = await openDatabase({ path, columnFamilies: families })
  await writer.put('key', 'value', { columnFamily: writer.columnFamily('blue') })
  await writer.close()
  // `red` cannot be opened, because its order is not given.
  const request = { path, readOnly: true, columnFamilies: { blue: {} } }
  await expect(openDatabase(request)).rejects.toMatchObject({ code: 'InvalidArgument' })
  const reader = await openDatabase({ ...request, onlyNamedFamilies: true })
  expect(reader.columnFamilyNames).toEqual(['default', 'blue'])
  expect(await reader.get('key', { columnFamily: reader.columnFamily('blue'), ...text })).toBe('value')
  await expect(openDatabase({ path, onlyNamedFamilies: true })).rejects.toThrow(TypeError)
})

test('a missing one is created only on request', async () => {
  const path = newPath()
  await (await openDatabase({ path })).close()
  await expect(
    RocksDB.open(path, { columnFamilies: { blue: {} }, createIfMissing: false }),
  ).rejects.toMatchObject({
    name: 'RocksDBError',
    message: expect.stringContaining('blue'),
  })
  const db = await openDatabase({ path, columnFamilies: { blue: {} } })
  expect(db.columnFamilyNames).toEqual(['default', 'blue'])
})

test('each can have its own options, on top of those of the database', async () => {
  const db = await openDatabase({
    options: { num_levels: 5, target_file_size_base: 1 << 20 },
    columnFamilies: { flat: { num_levels: 3 } },
  })
  const levels = async (name: string) => {
    const stats = await db.getProperty('rocksdb.levelstats', { columnFamily: db.columnFamily(name) })
    return stats!.trim().split('\n').length - 2
  }
  expect(await levels('default')).toBe(5)
  expect(await levels('flat')).toBe(3)
})

test('one can be created and dropped while the database is open', async () => {
  const path = newPath()
  const db = await openDatabase({ path })
  const events = await db.createColumnFamily('events', { write_buffer_size: '1M' })
  await expect(db.createColumnFamily('events')).rejects.toMatchObject({ code: 'InvalidArgument' })
  await db.put('key', 'value', { columnFamily: events })
  expect(db.columnFamily('events')).toBe(events)

  const lastWrite = db.put('key', 'other', { columnFamily: events })
  const drop = db.dropColumnFamily(events)
  await expect(db.put('key', 'late', { columnFamily: events })).rejects.toMatchObject({
    code: 'InvalidArgument',
  })
  await Promise.all([lastWrite, drop])
  expect(() => db.columnFamily('events')).toThrow(
    `there is no column family "events" in "${path}", which has default`,
  )
  await db.put('key', 'still works')
  await db.close()
  expect(await RocksDB.listColumnFamilies(path)).toEqual(['default'])
})

test('an iterator over a dropped one still reads it', async () => {
  const db = await openDatabase({ columnFamilies: { blue: {} } })
  const blue = db.columnFamily('blue')
  await db.put('key', 'value', { columnFamily: blue })
  const iterator = db.iterator({ columnFamily: blue, keyEncoding: 'utf8', valueEncoding: 'utf8' })
  await db.dropColumnFamily(blue)
  expect(await all(iterator)).toEqual([['key', 'value']])
})

test('the default one cannot be dropped', async () => {
  const db = await openDatabase()
  await expect(db.dropColumnFamily(db.columnFamily('default'))).rejects.toThrow(RangeError)
  await db.put('key', 'value')
})

test('one of another database is refused', async () => {
  const [db, other] = [await openDatabase(), await openDatabase()]
  await expect(db.get('key', { columnFamily: other.columnFamily('default') })).rejects.toMatchObject({
    code: 'InvalidArgument',
  })
})

test('a flush covers one, or all', async () => {
  const db = await openDatabase({ columnFamilies: { blue: {} } })
  const blue = db.columnFamily('blue')
  const files = (columnFamily = db.columnFamily('default')) =>
    db.getProperty('rocksdb.num-files-at-level0', { columnFamily })
  await db.put('key', 'value')
  await db.put('key', 'value', { columnFamily: blue })
  await db.flush({ columnFamily: blue })
  expect([await files(), await files(blue)]).toEqual(['0', '1'])
  await db.flush()
  expect([await files(), await files(blue)]).toEqual(['1', '1'])
})
