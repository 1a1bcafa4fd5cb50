import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { readManifest } from '#src/catalog/manifest.js'
import { decodeCloudManifest, encodeCloudManifest } from '#src/format/cloud-manifest.js'
import { addEpoch, parseEpoch } from '#src/format/epoch.js'
import { type CloudEnvOptions, cloudEnv, RocksDB } from '#src/index.js'
import type { GarbageReport } from '#src/inspect/garbage-report.js'
import { runTraceless } from '../support/inspect-cli.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { mainTestStores, type TestStore } from '../support/test-stores.js'

const newRoot = () => temporaryDirectory('cloudenv-root')

/** A machine: its own directory, the same store. */
function machine(store: TestStore, options: Partial<CloudEnvOptions> = {}) {
  const root = newRoot()
  const env = cloudEnv({ ...store.connection, store: store.url(), root, ...options })
  const path = join(root, 'db')
  return { env, path, open: () => RocksDB.open(path, { env }) }
}

const utf8 = { valueEncoding: 'utf8' } as const

describe.each(mainTestStores())('two writers, with the store in $name', ({ make }) => {
  test('from one directory: the second is refused, and the first continues', async () => {
    const store = make()
    const first = machine(store)
    const db = await first.open()
    await db.put('a', '1')
    const second = `
      import { cloudEnv, RocksDB } from '#src/index.js'
      const [options, path] = JSON.parse(process.argv[1])
      const env = cloudEnv(options)
      await RocksDB.open(path, { env }).then(
        () => console.log('opened'),
        (error) => console.log(error.code + ': ' + error.message),
      )
      await env.close()`
    const options = { ...store.connection, store: store.url(), root: join(first.path, '..') }
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', second, JSON.stringify([options, first.path])],
      { cwd: import.meta.dirname },
    )
    const advice = /LOCK.*open for writing already, in this process or another\. Close it there/
    expect(stdout).toMatch(advice)
    expect(stdout).not.toMatch(/opened/)
    await expect(first.open()).rejects.toThrow(advice)
    await db.put('b', '2')
    await db.flush()
    expect(await db.get('a', utf8)).toBe('1')
    await db.close()
    await first.env.close()
  })

  test('from two machines: the second gets it, and the first is fenced at its next commit', async () => {
    const store = make()
    const first = machine(store)
    const second = machine(store)
    const displaced = await first.open()
    await displaced.put('flushed', 'by the first')
    await displaced.flush()
    await displaced.put('unflushed', 'by the first')

    const owner = await second.open()
    expect(await owner.get('flushed', utf8)).toBe('by the first')
    expect(await owner.get('unflushed', utf8)).toBeUndefined()

    const refusal = await displaced.flush().catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: 'IOFenced' })
    expect(String(refusal)).toMatch(/no longer belongs to .*somebody else opened the database for writing/)
    await expect(displaced.put('c', '3')).rejects.toMatchObject({ code: 'IOFenced' })
    await expect(displaced.close()).rejects.toMatchObject({ code: 'IOFenced' })

    for (let i = 0; i < 100; i++) await owner.put(`key${i}`, `value ${i}`)
    await owner.flush()
    await owner.compactRange()
    await owner.close()

    const third = machine(store)
    const reader = await RocksDB.open(third.path, { env: third.env, readOnly: true })
    expect(await reader.get('flushed', utf8)).toBe('by the first')
    for (let i = 0; i < 100; i++) expect(await reader.get(`key${i}`, utf8)).toBe(`value ${i}`)
    await reader.close()

    // Unflushed writes of the first are set aside on its disk, neither replayed nor deleted.
    const again = await first.open()
    expect(await again.get('unflushed', utf8)).toBeUndefined()
    expect(await again.get('key7', utf8)).toBe('value 7')
    await again.close()
    const aside = (await readdir(first.path)).filter((name) => name.startsWith('set-aside-'))
    expect(aside).toHaveLength(1)
    expect((await readdir(join(first.path, aside[0]!))).length).toBeGreaterThan(0)
    for (const { env } of [first, second, third]) await env.close()
  })

  test('a program without compare-and-swap: no flush after its takeover is acknowledged', async () => {
    const store = make()
    const first = machine(store, { ownershipCheckMs: 0 })
    const displaced = await first.open()
    await displaced.put('flushed', 'by the first')
    await displaced.flush()

    // Like rocksdb-cloud: reads, writes its own MANIFEST, and overwrites any CLOUDMANIFEST.
    const cloudManifest = decodeCloudManifest(await store.get('db/CLOUDMANIFEST'))
    const manifest = await store.get(`db/MANIFEST-${cloudManifest.current}`)
    const epoch = parseEpoch('abcdefabcdefabcd')!
    await store.put(`db/MANIFEST-${epoch}`, manifest)
    const taken = addEpoch(cloudManifest, readManifest(manifest).lastNextFileNumber, epoch)
    await store.put('db/CLOUDMANIFEST', encodeCloudManifest(taken))

    await displaced.put('unflushed', 'by the first')
    await expect(displaced.flush()).rejects.toMatchObject({ code: 'IOFenced' })
    await expect(displaced.put('later', 'x')).rejects.toMatchObject({ code: 'IOFenced' })
    await displaced.close({ flush: false })

    // The refused flush is in the store all the same, but no state leads there.
    const gc = await runTraceless(store, ['gc', store.url('db'), '--json'])
    const listed: GarbageReport = JSON.parse(gc.stdout)
    const reasons = listed.garbage.map(({ object, reason }) => [object.replace(/.*\/(?:\d+\.)?/, ''), reason])
    expect(Object.fromEntries(reasons)).toEqual({
      [`sst-${cloudManifest.current}`]: 'displaced',
      [`MANIFEST-${cloudManifest.current}`]: 'displaced',
    })
    const verified = await runTraceless(store, ['verify', store.url('db')])
    expect(verified).toMatchObject({ code: 0 })
    expect(verified.stdout).toMatch(
      /is sound .*\n {2}2 objects, .*: committed by an owner that had been displaced/,
    )

    // Opened again, from the state of the other program.
    const again = await first.open()
    expect(await again.get('flushed', utf8)).toBe('by the first')
    expect(await again.get('unflushed', utf8)).toBeUndefined()
    await again.close()
    await first.env.close()
  })

  test('an idle owner is fenced by a check of the store', async () => {
    const store = make()
    const first = machine(store, { ownershipCheckMs: 50 })
    const second = machine(store)
    const displaced = await first.open()
    const owner = await second.open()
    const putFails = () =>
      displaced.put('a', '1').then(
        () => 'accepted',
        (error: { code: string }) => error.code,
      )
    await expect.poll(putFails).toBe('IOFenced')
    await displaced.close({ flush: false })
    await owner.put('b', '2')
    await owner.flush()
    await owner.close()
    for (const { env } of [first, second]) await env.close()
  })

  test('writers that open in turn never lose what the other flushed', async () => {
    const store = make()
    const machines = [machine(store), machine(store)]
    for (let turn = 0; turn < 6; turn++) {
      const db = await machines[turn % 2]!.open()
      for (let before = 0; before < turn; before++) {
        expect(await db.get(`turn${before}`, utf8)).toBe(String(before))
      }
      await db.put(`turn${turn}`, String(turn))
      await db.flush()
      await db.close()
    }
    for (const { env } of machines) await env.close()
  })

  test('many opening at once: each that got it was the owner at its time, and no flush is lost', async () => {
    const store = make()
    const machines = Array.from({ length: 3 }, () => machine(store))
    const flushed = new Set<string>()
    await Promise.all(
      machines.map(async ({ open }, index) => {
        for (let round = 0; round < 3; round++) {
          const key = `machine${index} round${round}`
          try {
            const db = await open()
            try {
              await db.put(key, 'x')
              await db.flush()
              flushed.add(key)
            } finally {
              await db.close()
            }
          } catch (error) {
            expect(['IOFenced', 'Busy', 'Corruption', 'IOError']).toContain((error as { code: string }).code)
          }
        }
      }),
    )
    expect(flushed.size).toBeGreaterThan(0)
    const last = machine(store)
    const db = await last.open()
    for (const key of flushed) expect(await db.get(key, utf8), key).toBe('x')
    await db.close()
    for (const { env } of [...machines, last]) await env.close()
  })
})
