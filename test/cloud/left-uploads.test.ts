import { randomUUID } from 'node:crypto'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { EnvError } from '#src/env/env-error.js'
import { S3Store } from '#src/store/s3-store.js'
import type { UnfinishedUpload } from '#src/store/unfinished-uploads.js'
import { DatedStore } from '../support/dated-store.js'
import { newStore, ScriptedMachine, withFaults } from '../support/scripted-rocksdb.js'
import { AbandoningClient } from '../support/unfinished-upload.js'

const day = 24 * 3_600_000

/** A store with these unfinished uploads, and those that were aborted. */
function withUploads(uploads: readonly UnfinishedUpload[]) {
  const dated = new DatedStore(newStore().store)
  const aborted: string[] = []
  const left = [...uploads]
  const store = withFaults(dated.store, {
    unfinishedUploads: {
      async *list(prefix) {
        yield* left.filter(({ key }) => key.startsWith(prefix))
      },
      abort: async ({ key }) => {
        aborted.push(key)
      },
      bytesOf: async () => 0,
    },
  })
  return { store, dated, left, aborted }
}

const upload = (key: string, started = new Date('2040-06-01T00:00:00Z')) => ({ key, id: '1', started })

test('the next owner aborts uploads of past epochs, and those of unknown epochs once they are a day old', async () => {
  const { store, dated, left, aborted } = withUploads([])
  const machine = await ScriptedMachine.start(store)
  const db = await machine.database().open()
  const past = db.database.owner!.epoch
  await db.close()
  left.push(
    upload(`db/000009.sst-${past}`),
    upload('db/000009.sst-abc'),
    upload(`db/nested/000009.sst-${past}`),
    upload('db/notes.txt'),
  )
  await (await machine.database().open()).close()
  expect(aborted).toEqual([`db/000009.sst-${past}`])

  dated.advance(2 * day)
  left.splice(0, 1)
  await (await machine.database().open()).close()
  await (await machine.database().open()).close()
  expect(aborted).toEqual([`db/000009.sst-${past}`, 'db/000009.sst-abc'])
})

test('uploads under way are left alone', async () => {
  const { store, left, aborted } = withUploads([])
  const machine = await ScriptedMachine.start(store)
  await (await machine.database().open()).close()
  const database = machine.database()
  await database.open()
  left.push(upload(`db/000009.sst-${database.database.owner!.epoch}`))
  await database.close()
  expect(aborted).toEqual([])
})

test('uploads of past and unknown epochs stay if there may be an owner under another cookie', async () => {
  const { store, dated, left, aborted } = withUploads([])
  const machine = await ScriptedMachine.start(store)
  const db = await machine.database().open()
  const past = db.database.owner!.epoch
  await db.close()
  await store.copy('db/CLOUDMANIFEST', 'db/CLOUDMANIFEST-branch')
  left.push(upload(`db/000009.sst-${past}`), upload('db/000009.sst-abc'))
  dated.advance(2 * day)
  await (await machine.database().open()).close()
  await (await machine.database().open()).close()
  expect(aborted).toEqual([])
})

test.each(['IOError', 'NotSupported'] as const)(
  'a store that refuses to list them (%s) is no reason not to open',
  async (code) => {
    const { store } = newStore()
    const refusing = withFaults(store, {
      unfinishedUploads: {
        // biome-ignore lint/correctness/useYield: it refuses before there is something to yield
        async *list() {
          throw new EnvError(code, 'refused')
        },
        abort: async () => {},
        bytesOf: async () => 0,
      },
    })
    const machine = await ScriptedMachine.start(refusing)
    await (await machine.database().open()).close()
    await (await machine.database().open()).close()
    expect(machine.fences).toEqual([])
  },
)

describe.each(inject('servers'))('on $name', (server) => {
  const { endpoint, region, bucket, accessKeyId, secretAccessKey } = server
  const prefix = `left-uploads-${randomUUID()}`
  const credentials = { accessKeyId, secretAccessKey }
  const store = new S3Store({ endpoint, region, bucket, prefix, credentials })
  const client = new AbandoningClient(server)
  afterAll(() => {
    store.close()
    client.stop()
  })

  test('the next owner aborts what a killed one left, however short its session', async () => {
    const machine = await ScriptedMachine.start(store)
    const db = await machine.database().open()
    const key = `${prefix}/db/000009.sst-${db.database.owner!.epoch}`
    await db.close()
    await client.begin(key, 1000)
    await (await machine.database().open()).close()
    expect(await client.has(key)).toBe(false)
  })
})
