import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readManifest } from '#src/catalog/manifest.js'
import { decodeCloudManifest, encodeCloudManifest } from '#src/format/cloud-manifest.js'
import { encodeNextFileNumberEdit } from '#src/format/encode-version-edit.js'
import { addEpoch, parseEpoch } from '#src/format/epoch.js'
import { appendRecord } from '#src/format/log-record.js'
import { verifyDatabase } from '#src/inspect/verify.js'
import { writeMark } from '#src/store/cas-object.js'
import { leaveUnchecked } from '../support/left-stores.js'
import { newStore, ScriptedMachine } from '../support/scripted-rocksdb.js'

const lost = parseEpoch('1234567890abcdef')!

/**
 * Leftovers of version 0.1 after a proxy delivered its CLOUDMANIFEST twice: the claim is in place, with the sealed
 * MANIFEST of the epoch before, and its own MANIFEST is deleted.
 */
async function brokenClaim({ seal = 'claim', root = 'claim' } = {}) {
  const { store, directory } = newStore()
  leaveUnchecked(store.url, 'the claim is broken')
  const machine = await ScriptedMachine.start(store)
  const db = await machine.database().open()
  const table = await db.flush()
  await db.close()
  const cloudManifest = decodeCloudManifest((await store.get('db/CLOUDMANIFEST')).body)
  const sealedKey = `db/MANIFEST-${cloudManifest.current}`
  const { body } = await store.get(sealedKey)
  const { lastNextFileNumber } = readManifest(body)
  await store.put(sealedKey, appendRecord(body, encodeNextFileNumberEdit(lastNextFileNumber)), {
    metadata: { [writeMark]: seal },
  })
  await store.put(
    'db/CLOUDMANIFEST',
    encodeCloudManifest(addEpoch(cloudManifest, lastNextFileNumber, lost)),
    {
      metadata: { [writeMark]: root },
    },
  )
  return { store, directory, table, verify: () => verifyDatabase([{ store, path: 'db' }], { isDeep: false }) }
}

describe('a CLOUDMANIFEST whose MANIFEST was deleted by a claim that believed it had lost', () => {
  test('is reported by verify, with the remedy', async () => {
    const { verify } = await brokenClaim()
    const { problems } = await verify()
    const missing = problems.filter(({ object }) => object.endsWith(`MANIFEST-${lost}`))
    expect(missing).toMatchObject([
      { code: 'missing', message: expect.stringMatching(/has the same state\. Open .* once/) },
    ])
  })

  test('can be read', async () => {
    const { store, directory, table } = await brokenClaim()
    const before = await readdir(join(directory, 'db'))
    const reader = (await ScriptedMachine.start(store)).database()
    expect(await reader.database.children()).toContain(table)
    expect(await readdir(join(directory, 'db'))).toEqual(before)
  })

  test('is repaired by the next opening for writing, even after one that did not get that far', async () => {
    const { store, table, verify } = await brokenClaim()
    const machine = await ScriptedMachine.start(store)
    const candidate = machine.database()
    await candidate.database.claim()
    await candidate.close()
    for (let round = 0; round < 2; round++) {
      const db = await machine.database().open()
      expect(await db.database.children()).toContain(table)
      await db.flush()
      await db.close()
    }
    expect((await verify()).problems.filter(({ code }) => code === 'missing')).toEqual([])
  })

  test.each([
    ['another claim set the seal', { seal: 'another' }, undefined],
    ['a later version made the claim', { root: 'a mark of its own' }, undefined],
    ['something was written in its epoch', {}, `db/000099.sst-${lost}`],
  ])('is Corruption, and never an older state, where %s', async (_title, marks, key) => {
    const { store } = await brokenClaim(marks)
    if (key !== undefined) await store.put(key, Buffer.from('x'))
    const db = (await ScriptedMachine.start(store)).database()
    await expect(db.open()).rejects.toMatchObject({ code: 'Corruption' })
  })
})
