import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { cloudEnv, type OpenOptions, RocksDB } from '#src/index.js'
import { familyOf, textOf } from '../support/full-disk-workload.js'
import { needsRoot, smallDisk } from '../support/small-disk.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { mainTestStores } from '../support/test-stores.ts'

const writer = fileURLToPath(new URL('../support/full-disk-writer.js', import.meta.url))

/** Flushes and compactions all the time, so that every kind of file meets the full disk. */
const options = {
  write_buffer_size: '64K',
  target_file_size_base: '64K',
  level0_file_num_compaction_trigger: 2,
}

/** Fills a disk. Returns a function that frees it. */
function fillDisk(disk: string): () => void {
  const path = join(disk, 'ballast')
  const file = openSync(path, 'w')
  untilFull(() => {
    for (const size of [1 << 16, 1 << 12, 1]) {
      const bytes = Buffer.alloc(size)
      while (statfsSync(disk).bavail > 0) writeSync(file, bytes)
    }
  })
  closeSync(file)
  return () => rmSync(path)
}

/** Uses up all files of a disk. Existing ones can still be written. */
function takeFiles(disk: string): () => void {
  const directory = join(disk, 'taken')
  mkdirSync(directory)
  untilFull(() => {
    for (let number = 0; ; number++) writeFileSync(join(directory, String(number)), '')
  })
  return () => rmSync(directory, { recursive: true })
}

function untilFull(write: () => void): void {
  try {
    write()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
}

type Line = { acknowledged?: number; refused?: string; reads?: string; done?: number }

/** The writer's process. `until` resolves with its first matching line. */
function startWriter(input: object, environment: NodeJS.ProcessEnv) {
  const child: ChildProcess = spawn(process.execPath, [writer, JSON.stringify(input)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  })
  let errors = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const acknowledged = new Set<number>()
  const refused = new Set<string>()
  const lines: Line[] = []
  const watchers = new Set<() => void>()
  createInterface(child.stdout!).on('line', (text) => {
    const line: Line = JSON.parse(text)
    if (line.acknowledged !== undefined) acknowledged.add(line.acknowledged)
    if (line.refused !== undefined) refused.add(line.refused)
    lines.push(line)
    for (const look of [...watchers]) look()
  })
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, errors }))
  const until = (suits: (line: Line) => boolean) =>
    Promise.race([
      new Promise<Line>((resolve) => {
        const look = () => {
          const line = lines.find(suits)
          if (line) resolve(line)
        }
        watchers.add(look)
        look()
      }),
      ended.then((how) => expect.fail(`the writer ended: ${JSON.stringify(how)}`)),
    ])
  return { child, acknowledged, refused, until, ended, goOn: () => void child.stdin!.write('\n') }
}

describe.skipIf(needsRoot !== '')(`on a full disk${needsRoot}`, () => {
  const directoryStore = mainTestStores()[0]!
  const usedUpQuota = join(temporaryDirectory(), 'used-up-quota.so')
  // Beside a sanitizer's runtime.
  const preloaded = [process.env.LD_PRELOAD, usedUpQuota].filter(Boolean).join(' ')

  beforeAll(() => {
    const source = fileURLToPath(new URL('../support/used-up-quota.c', import.meta.url))
    execFileSync('cc', ['-shared', '-fPIC', '-o', usedUpQuota, source, '-ldl'])
  })

  const cases = [300, 1000].flatMap((fullAfter) =>
    (
      [
        ['plain files', 'write', {}, {}],
        ['plain files, killed afterwards', 'write then die', {}, {}],
        ['plain files, killed while it is full', 'die', {}, {}],
        ['plain files with sync', 'write then die', { sync: true }, {}],
        ['plain files, logs used again', 'write then die', {}, { recycle_log_file_num: 2 }],
        ['plain files below a quota', 'write', {}, {}],
        ['a cloud Env', 'write', {}, {}],
        ['a cloud Env below a quota', 'write', {}, {}],
        ['a cloud Env, killed afterwards', 'write then die', {}, {}],
      ] as const
    ).map((one) => [fullAfter, ...one] as const),
  )
  test.concurrent.for(cases)(
    'after %i puts, with %s: puts are refused, reads go on, and so do puts when there is room again',
    async ([fullAfter, files, afterwards, put, more], { expect, onTestFinished }) => {
      const disk = smallDisk('12m')
      const path = join(disk, 'db')
      const store = directoryStore.make()
      const envOptions = files.startsWith('a cloud')
        ? { ...store.connection, store: store.url(), root: disk }
        : undefined
      const input = { path, envOptions, options: { ...options, ...more }, put, refusals: 50, afterwards }
      const running = startWriter(input, files.endsWith('a quota') ? { LD_PRELOAD: preloaded } : {})
      onTestFinished(() => void running.child.kill('SIGKILL'))
      await running.until(({ acknowledged }) => acknowledged === fullAfter)
      const empty = fillDisk(disk)
      expect(await running.until(({ reads }) => reads !== undefined)).toEqual({ reads: textOf(1) })
      expect([...running.refused]).toEqual(['NoSpace'])
      if (afterwards === 'die') {
        running.goOn()
        await running.ended
        empty()
      } else {
        empty()
        running.goOn()
        await running.until(({ done }) => done !== undefined)
      }
      const { code, signal, errors } = await running.ended
      expect({ code, signal, errors }).toEqual(
        afterwards === 'write'
          ? { code: 0, signal: null, errors }
          : { code: null, signal: 'SIGKILL', errors },
      )

      const env = envOptions && cloudEnv(envOptions)
      const db = await RocksDB.open(path, env ? { env } : {})
      const missing: number[] = []
      for (const at of running.acknowledged) {
        const columnFamily = db.columnFamily(familyOf(at))
        if ((await db.get(`k${at}`, { valueEncoding: 'utf8', columnFamily })) !== textOf(at)) missing.push(at)
      }
      await db.close()
      await env?.close()
      expect(missing).toEqual([])
    },
  )

  /** A database on a disk of its own, and the options with which to open it again. */
  async function openOn(files: string, diskOptions: string, more: object) {
    const disk = smallDisk(diskOptions)
    const store = directoryStore.make()
    const env =
      files === 'a cloud Env' ? cloudEnv({ ...store.connection, store: store.url(), root: disk }) : undefined
    if (env) onTestFinished(() => env.close())
    const path = join(disk, 'db')
    const openOptions: OpenOptions = { ...(env ? { env } : {}), options: { ...options, ...more } }
    return { disk, path, openOptions, db: await RocksDB.open(path, openOptions) }
  }

  const codeOf = (call: Promise<unknown>) =>
    call.then(
      () => 'none',
      (error) => error.code,
    )

  test.each([
    ['plain files', {}],
    ['plain files', { recycle_log_file_num: 2 }],
  ])(
    'on %s with %o, a put is refused whose log cannot be created, and taken again later',
    async (files, more) => {
      const { disk, path, openOptions, db } = await openOn(files, '64m,nr_inodes=400', more)
      for (let at = 0; at < 200; at++) await db.put(`k${at}`, textOf(at))
      const release = takeFiles(disk)
      let put = 200
      let code = 'none'
      for (; code === 'none'; put++) code = await codeOf(db.put(`k${put}`, textOf(put)))
      expect(code).toBe('NoSpace')
      expect(await db.get('k1', { valueEncoding: 'utf8' })).toBe(textOf(1))
      release()
      const puts = put + 200
      for (put--; put < puts; put++) {
        const again = () => codeOf(db.put(`k${put}`, textOf(put), { sync: true }))
        await expect.poll(again, { timeout: 30_000 }).toBe('none')
      }
      await db.close()
      const reopened = await RocksDB.open(path, openOptions)
      for (let at = 0; at < put; at++)
        expect(await reopened.get(`k${at}`, { valueEncoding: 'utf8' })).toBe(textOf(at))
      await reopened.close()
    },
  )

  test.each(['plain files', 'a cloud Env'])(
    'on %s, column families are neither created nor dropped, no put waits for that, and both are done when there is room again',
    async (files) => {
      const { disk, path, openOptions, db } = await openOn(files, '24m', {})
      const dropped = await db.createColumnFamily('dropped')
      await db.put('before', 'value')
      const empty = fillDisk(disk)
      const calls = [
        db.dropColumnFamily(dropped),
        db.createColumnFamily('created'),
        db.put('later', 'x'.repeat(200_000)),
      ]
      expect(await Promise.all(calls.map(codeOf))).toEqual(['NoSpace', 'NoSpace', 'NoSpace'])
      expect(await db.get('before', { valueEncoding: 'utf8' })).toBe('value')
      empty()
      await db.createColumnFamily('created')
      await db.put('key', 'value', { columnFamily: dropped })
      await db.dropColumnFamily(dropped)
      await db.put('later', 'value')
      await db.close()
      const reopened = await RocksDB.open(path, openOptions)
      expect(reopened.columnFamilyNames).toEqual(['default', 'created'])
      await reopened.close()
    },
  )

  test('closing fails when the disk has no room for the log that manual_wal_flush held back', async () => {
    const { disk, path, openOptions, db } = await openOn('plain files', '24m', {
      manual_wal_flush: true,
      allow_fallocate: false,
    })
    await db.put('key', 'x'.repeat(20_000))
    const empty = fillDisk(disk)
    expect(await codeOf(db.close())).toBe('NoSpace')
    empty()
    const reopened = await RocksDB.open(path, openOptions)
    await reopened.put('key', 'value')
    await reopened.close()
  })
})
