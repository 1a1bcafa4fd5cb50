// The openings of docs/scale.md, on a store as far away as it says there and a clock that nobody waits for.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { readView } from '#src/catalog/database-view.js'
import { EnvError } from '#src/env/env-error.js'
import { encodeCloudManifest } from '#src/format/cloud-manifest.js'
import { parseEpoch } from '#src/format/epoch.js'
import { encodeLog } from '#src/format/log-record.js'
import type { ObjectInfo, ObjectStore } from '#src/store/object-store.js'
import { bytes, field, prefixed } from '../support/version-edits.js'

const firstByteMs = 100
const bytesPerMs = 85_000
const pageObjects = 1000
const manifestBytesPerTable = 105
const tableBytes = 64 * 1024 * 1024

const page = readFileSync(fileURLToPath(new URL('../../docs/scale.md', import.meta.url)), 'utf8')
const rows = [
  ...page.matchAll(
    /^\| (?<data>[^|]+) \| (?<tables>[\d,]+) \| (?<manifest>[\d.]+ [kM]B) \| (?<lists>\d+) \| (?<opening>\d+ requests, [\d.]+ s) \|/gm,
  ),
].map(({ groups }) => groups as Record<'data' | 'tables' | 'manifest' | 'lists' | 'opening', string>)

test('the page has openings of up to 149,012 tables', () => {
  expect(rows.map(({ tables }) => tables)).toContain('149,012')
})

describe.each(rows)('$data, $tables tables', ({ tables, manifest, lists, opening }) => {
  test('a reader waits as long, and makes as many requests, as the page says', async () => {
    const distant = new DistantStore(Number(tables.replace(',', '')))
    const { clock, store } = distant
    const view = await clock.passUntil(
      readView([{ store, path: 'db' }], '', undefined, { withIdentity: true }),
    )
    expect(view!.files.size).toBe(Number(tables.replace(',', '')))
    expect(distant.lists).toBe(Number(lists))
    const requests = distant.gets + distant.lists
    expect(`${requests} requests, ${(clock.elapsedMs / 1000).toFixed(1)} s`).toBe(opening)
    const megabytes = view!.manifestBytes.length / 1e6
    expect(megabytes < 0.1 ? `${(megabytes * 1000).toFixed(0)} kB` : `${megabytes.toFixed(1)} MB`).toBe(
      manifest,
    )
  })
})

/** Time that passes as soon as everybody waits for it. */
class PassingClock {
  elapsedMs = 0
  #waiting: { readonly untilMs: number; readonly resolve: () => void }[] = []

  async wait(ms: number): Promise<void> {
    await new Promise<void>((resolve) => this.#waiting.push({ untilMs: this.elapsedMs + ms, resolve }))
  }

  /** Passes until the work is done. */
  async passUntil<T>(work: Promise<T>): Promise<T> {
    let isDone = false
    const finish = () => {
      isDone = true
    }
    work.then(finish, finish)
    for (await setImmediate(); !isDone; await setImmediate()) this.#pass()
    return work
  }

  #pass(): void {
    this.#waiting.sort((one, other) => one.untilMs - other.untilMs)
    const next = this.#waiting.shift()
    if (!next) return
    this.elapsedMs = next.untilMs
    next.resolve()
  }
}

/** A database of so many tables, to be read only. */
class DistantStore {
  readonly clock = new PassingClock()
  gets = 0
  lists = 0
  readonly #bodies: ReadonlyMap<string, Uint8Array>
  readonly #names: readonly string[]

  constructor(tables: number) {
    const numbers = Array.from({ length: tables }, (_, index) => 10 + index)
    const epoch = '0123456789abcdef'
    this.#bodies = new Map([
      ['db/CLOUDMANIFEST', encodeCloudManifest({ past: [], current: parseEpoch(epoch)! })],
      [`db/MANIFEST-${epoch}`, manifestOf(numbers)],
      ['db/IDENTITY', Buffer.from(randomUUID())],
    ])
    const tableNames = numbers.map((number) => `db/${String(number).padStart(6, '0')}.sst-${epoch}`)
    this.#names = [...tableNames, ...this.#bodies.keys()].sort()
  }

  get store(): ObjectStore {
    const refuse = () => Promise.reject(new Error('this store is only read'))
    const get = async (key: string) => {
      this.gets += 1
      const body = this.#bodies.get(key)
      await this.clock.wait(firstByteMs + (body?.length ?? 0) / bytesPerMs)
      if (!body) throw new EnvError('NotFound', `there is no ${key}`)
      return { ...infoOf(key, body.length), body }
    }
    return {
      url: 's3://distant',
      get,
      head: get,
      list: (prefix, { startAfter = '' } = {}) => this.#list(startAfter || prefix),
      put: refuse,
      copy: refuse,
      deleteMany: refuse,
      close: async () => {},
    }
  }

  async *#list(after: string): AsyncGenerator<ObjectInfo> {
    const first = this.#names.findIndex((name) => name > after)
    for (let at = first; at >= 0 && at < this.#names.length; at += pageObjects) {
      this.lists += 1
      await this.clock.wait(firstByteMs)
      for (const name of this.#names.slice(at, at + pageObjects))
        yield infoOf(name, this.#bodies.get(name)?.length ?? tableBytes)
    }
  }
}

function infoOf(key: string, size: number): ObjectInfo {
  return { key, size, etag: key, lastModified: new Date(0), metadata: {} }
}

/** A MANIFEST of one edit, with as many bytes for each table as RocksDB writes. */
function manifestOf(numbers: readonly number[]): Uint8Array {
  const head = [field.comparator('leveldb.BytewiseComparator'), field.nextFileNumber(numbers.at(-1)! + 1)]
  const tables = numbers.map((number) => {
    const table = (smallest: number, largest: number) => {
      const keys = [smallest, largest].map((length) => prefixed(Buffer.alloc(length, 'key')))
      return bytes(103, 6, number, tableBytes, ...keys, 1, 2, 1)
    }
    const left = manifestBytesPerTable - table(0, 0).length
    return table(left >> 1, left - (left >> 1))
  })
  return encodeLog([Buffer.concat([...head, ...tables, field.lastSequence(2), field.logNumber(0)])])
}
