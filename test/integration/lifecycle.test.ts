import { copyFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createCloudEnv } from '#src/cloud/cloud-env.js'
import { decodeCloudManifest } from '#src/format/cloud-manifest.js'
import { cloudEnv, RocksDB, type RocksDBOptions } from '#src/index.js'
import { leaveUnchecked } from '../support/left-stores.js'
import { Machine, pathsBelow } from '../support/machine.js'
import { mainTestStores, type TestStore } from '../support/test-stores.js'

const utf8 = { valueEncoding: 'utf8' } as const
const nothing = () => undefined

/** Removes the local directory, like the loss of the disk. */
async function wipe(machine: Machine): Promise<void> {
  await rm(machine.root, { recursive: true })
}

async function epochs(store: TestStore): Promise<number> {
  return decodeCloudManifest(await store.get('db/CLOUDMANIFEST')).past.length + 1
}

async function tables(store: TestStore): Promise<string[]> {
  return [...(await store.list()).keys()].filter((key) => key.includes('.sst-'))
}

describe.each(mainTestStores())('a database in $name', ({ make }) => {
  test('survives the loss of the local directory, up to the last flush', async () => {
    const machine = new Machine(make())
    await machine.open(async (db) => {
      await db.put('flushed', '1')
      await db.flush()
      await db.put('lost', '2')
    })
    await wipe(machine)
    expect(await machine.open((db) => db.getMany(['flushed', 'lost'], utf8))).toEqual(['1', undefined])
    await machine.open((db) => db.put('new', '3'))
    expect(await machine.open((db) => db.get('new', utf8))).toBe('3')
  })

  test('replays its write-ahead log if the directory is still there', async () => {
    const machine = new Machine(make())
    for (let round = 0; round < 3; round++) {
      await machine.open((db) => db.put(`round${round}`, 'x'))
    }
    const rounds = await machine.open((db) => db.getMany(['round0', 'round1', 'round2'], utf8))
    expect(rounds).toEqual(['x', 'x', 'x'])
  })

  test('survives the loss of every part of the local directory but the write-ahead log', async () => {
    const machine = new Machine(make())
    await machine.open(async (db) => {
      await db.put('flushed', '1')
      await db.flush()
      await db.put('logged', '2')
    })
    for (const name of await machine.names()) {
      if (name !== 'CLOUDENV' && !name.endsWith('.log')) await rm(join(machine.path, name))
    }
    expect(await machine.open((db) => db.getMany(['flushed', 'logged'], utf8))).toEqual(['1', '2'])
  })

  test('keeps its column families, with those created later and without those dropped', async () => {
    const machine = new Machine(make())
    await machine.open(
      async (db) => {
        const events = await db.createColumnFamily('events', { write_buffer_size: '1M' })
        const gone = await db.createColumnFamily('gone')
        for (const columnFamily of [undefined, db.columnFamily('orders'), events, gone]) {
          await db.put('key', columnFamily?.name ?? 'default', columnFamily && { columnFamily })
        }
        await db.flush()
        await db.dropColumnFamily(gone)
      },
      { columnFamilies: { orders: {} } },
    )
    await wipe(machine)
    const env = cloudEnv(machine.options)
    const names = await RocksDB.listColumnFamilies(machine.path, { env })
    expect(names.sort()).toEqual(['default', 'events', 'orders'])
    await env.close()
    for (const readOnly of [true, false]) {
      await machine.open(
        async (db) => {
          expect([...db.columnFamilyNames].sort()).toEqual(names)
          for (const name of names) {
            expect(await db.get('key', { ...utf8, columnFamily: db.columnFamily(name) })).toBe(name)
          }
        },
        { readOnly },
      )
    }
  })

  test('has the same children after the loss of the local directory, except for local-only files', async () => {
    const machine = new Machine(make())
    await machine.open(async (db) => {
      await db.put('a', '1')
      await db.flush()
    })
    await wipe(machine)
    const env = await createCloudEnv(machine.options)
    const children = await env.getChildren(machine.path)
    expect([...children].sort()).toEqual([
      expect.stringMatching(/^\d{6}\.sst$/),
      'CURRENT',
      'IDENTITY',
      'MANIFEST-000001',
    ])
    const attributes = await env.getChildrenFileAttributes(machine.path)
    expect(attributes.map(({ name }) => name)).toEqual(children)
    expect(attributes.every(({ size }) => size > 0)).toBe(true)
    await expect(env.getChildren(join(machine.root, 'none'))).rejects.toMatchObject({ code: 'NotFound' })
    await env.close()
  })

  test('archives write-ahead logs in its directory on request', async () => {
    const machine = new Machine(make())
    const options = { WAL_ttl_seconds: 3600 }
    await machine.open(
      async (db) => {
        for (const key of ['a', 'b', 'c']) {
          await db.put(key, '1')
          await db.flush()
        }
      },
      { options },
    )
    await machine.open(nothing, { options })
    expect(await readdir(join(machine.path, 'archive'))).toContainEqual(expect.stringMatching(/^\d+\.log$/))
  })

  test('keeps blob files in the store too', async () => {
    const store = make()
    const machine = new Machine(store)
    const options = { enable_blob_files: true, min_blob_size: 10, enable_blob_garbage_collection: true }
    await machine.open(
      async (db) => {
        for (let round = 0; round < 3; round++) {
          await db.put('key', `${round}`.repeat(1000))
          await db.put(`key${round}`, `${round}`.repeat(1000))
          await db.flush()
        }
        await db.compactRange()
      },
      { options },
    )
    expect([...(await store.list()).keys()]).toContainEqual(
      expect.stringMatching(/^db\/\d{6}\.blob-[0-9a-f]{16}$/),
    )
    await wipe(machine)
    for (const readOnly of [true, false]) {
      await machine.open(
        async (db) => {
          expect(await db.get('key', utf8)).toBe('2'.repeat(1000))
          for (let round = 0; round < 3; round++) {
            expect(await db.get(`key${round}`, utf8)).toBe(`${round}`.repeat(1000))
          }
        },
        { readOnly, options },
      )
    }
  })

  test('has a new epoch after each opening for writing, and after nothing else', async () => {
    const store = make()
    const machine = new Machine(store)
    for (let openings = 1; openings <= 3; openings++) {
      await machine.open((db) => db.put('a', '1'))
      expect(await epochs(store)).toBe(openings)
      const before = await store.list()
      await machine.open((db) => db.get('a'), { readOnly: true })
      const env = cloudEnv(machine.options)
      await RocksDB.listColumnFamilies(machine.path, { env })
      await env.close()
      expect(await store.list()).toEqual(before)
    }
  })

  test('deletes replaced tables after the delay, not before', async () => {
    const store = make()
    const delayMs = 1500
    const machine = new Machine(store, { deletionDelayMs: delayMs })
    await machine.open(async (db) => {
      for (const value of ['1', '2']) {
        await db.batch(['a', 'z'].map((key) => ({ type: 'put', key, value })))
        await db.flush()
      }
      const replaced = await tables(store)
      const start = Date.now()
      await db.compactRange()
      expect(await tables(store)).toEqual(expect.arrayContaining(replaced))
      await expect.poll(() => tables(store)).not.toContain(replaced[0])
      expect(Date.now() - start).toBeGreaterThanOrEqual(delayMs)
      expect(await tables(store)).toHaveLength(1)
      expect(await db.get('a', utf8)).toBe('2')
    })
  })

  test('deletes at the next opening what was left when it was closed', async () => {
    const store = make()
    const machine = new Machine(store, { deletionDelayMs: 0 })
    const patient = new Machine(store, { root: machine.root })
    await patient.open(async (db) => {
      for (const value of ['1', '2']) {
        await db.batch(['a', 'z'].map((key) => ({ type: 'put', key, value })))
        await db.flush()
      }
      await db.compactRange()
    })
    expect(await tables(store)).toHaveLength(3)
    await machine.open(() => expect.poll(() => tables(store)).toHaveLength(1))
    expect(await machine.open((db) => db.getMany(['a', 'z'], utf8))).toEqual(['2', '2'])
  })

  test('is found by an Env that looked for it before another machine created it', async () => {
    const store = make()
    const machine = new Machine(store)
    const env = cloudEnv(machine.options)
    const open = { env, createIfMissing: false }
    await expect(RocksDB.open(machine.path, open)).rejects.toMatchObject({ code: 'NotFound' })
    await new Machine(store).open(async (db) => {
      await db.put('a', '1')
      await db.flush()
    })
    for (const options of [{ ...open, readOnly: true }, open]) {
      const db = await RocksDB.open(machine.path, options)
      expect(await db.get('a', utf8)).toBe('1')
      await db.close()
    }
    await env.close()
  })

  test.each<[what: string, spoil: (store: TestStore) => Promise<void>]>([
    ['', async () => {}],
    [', whose IDENTITY is missing', (store) => store.delete(['db/IDENTITY'])],
    [', whose IDENTITY is none', (store) => store.put('db/IDENTITY', Buffer.from('../../x\n'))],
  ])('is removed from the store when RocksDB destroys it: nothing stays%s', async (what, spoil) => {
    const store = make()
    const machine = new Machine(store)
    await machine.open(async (db) => {
      await db.put('a', '1')
      await db.flush()
    })
    await machine.open((db) => db.put('b', '1'))
    await spoil(store)
    // The calls of DestroyDB.
    const env = await createCloudEnv(machine.options)
    const names = await env.getChildren(machine.path)
    await env.lockFile(join(machine.path, 'LOCK'))
    for (const name of await env.getChildren(machine.path)) {
      if (name !== 'LOCK') await env.deleteFile(join(machine.path, name))
    }
    await env.unlockFile(join(machine.path, 'LOCK'))
    await env.deleteFile(join(machine.path, 'LOCK'))
    await env.deleteDir(machine.path)
    await env.close()
    expect(names).toContain('CURRENT')
    const left = [...(await store.list()).keys()].filter((key) => !key.startsWith('.cloudenv-store/'))
    // Without its id, its entry in the registry can't be distinguished from others.
    expect(left.filter((key) => what === '' || !key.startsWith('.rockset/'))).toEqual([])
    expect(await pathsBelow(machine.root)).toEqual([])
    expect(await machine.open((db) => db.getMany(['a', 'b'], utf8))).toEqual([undefined, undefined])
  })

  test('lets RocksDB move tables to trash and delete them slowly', async () => {
    const store = make()
    leaveUnchecked(store.url(), 'it deletes a live table')
    const machine = new Machine(store, { deletionDelayMs: 0 })
    await machine.open(async (db) => {
      await db.put('a', '1')
      await db.flush()
    })
    // The calls of an SstFileManager with a rate limit.
    const env = await createCloudEnv(machine.options)
    const inside = (name: string) => join(machine.path, name)
    await env.lockFile(inside('LOCK'))
    const table = (await env.getChildren(machine.path)).find((name) => name.endsWith('.sst'))!
    // The first commit takes the database over; nothing is deleted before.
    const manifest = await env.newWritableFile(inside('MANIFEST-000090'))
    if (manifest.kind !== 'local') throw new Error('a MANIFEST is a local file')
    await copyFile(inside('MANIFEST-000001'), manifest.path)
    await writeFile(inside('000091.log'), '') // RocksDB begins its log before.
    await manifest.synced?.((await stat(manifest.path)).size)
    await env.renameFile(inside(table), inside(`${table}.trash`))
    await expect(env.fileExists(inside(table))).rejects.toMatchObject({ code: 'NotFound' })
    expect(await env.getFileSize(inside(`${table}.trash`))).toBe(0)
    expect(await env.getChildren(machine.path)).toContain(`${table}.trash`)
    await env.deleteFile(inside(`${table}.trash`))
    await expect.poll(() => tables(store)).toEqual([])
    await env.unlockFile(inside('LOCK'))
    await env.close()
  })
})

describe('RocksDB’s options', () => {
  const { make } = mainTestStores()[0]!

  test.each<[what: string, options: RocksDBOptions]>([
    ['use_fsync', { use_fsync: true }],
    ['WAL archiving', { WAL_ttl_seconds: 3600 }],
    ['recycled logs', { recycle_log_file_num: 2 }],
    ['a log of its own directory', { db_log_dir: '' }],
    ['direct writes', { use_direct_io_for_flush_and_compaction: true }],
    ['mapped reads turned off', { allow_mmap_reads: false }],
    ['pipelined writes', { enable_pipelined_write: true, atomic_flush: false }],
    ['flushes of one column family at a time', { atomic_flush: false }],
    ['bytes_per_sync', { bytes_per_sync: 4096, wal_bytes_per_sync: 4096 }],
    ['a MANIFEST that is rolled at each edit', { max_manifest_file_size: 1 }],
  ])('%s: flushed writes are in the store, logged ones are here', async (_, options) => {
    const store = make()
    const machine = new Machine(store)
    const written: string[] = []
    for (let round = 0; round < 3; round++) {
      await machine.open(
        async (db) => {
          expect(await db.getMany(written, utf8)).toEqual(written)
          for (const name of [`flushed${round}`, `logged${round}`]) {
            await db.put(name, name)
            written.push(name)
            if (name.startsWith('flushed')) await db.flush()
          }
        },
        { options },
      )
    }
    const elsewhere = await new Machine(store).open((db) => db.getMany(written, utf8), { readOnly: true })
    // A log is flushed when it is replayed: only the last is not in the store.
    expect(elsewhere).toEqual([...written.slice(0, -1), undefined])
    await wipe(machine)
    expect(await machine.open((db) => db.getMany(written, utf8), { options })).toEqual(elsewhere)
  })
})

test('a database in a directory is in the registry of the bucket under its id', async () => {
  const store = mainTestStores()[0]!.make()
  await new Machine(store).open(nothing)
  const id = Buffer.from(await store.get('db/IDENTITY')).toString()
  expect(id).toMatch(/^[0-9a-f-]{36}$/)
  expect([...(await store.list()).keys()]).toContain(`.rockset/dbid/${id}`)
})
