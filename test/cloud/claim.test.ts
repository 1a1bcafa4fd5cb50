import { describe, expect, test } from 'vitest'
import { readView } from '#src/catalog/database-view.js'
import { Seal } from '#src/cloud/claim.js'
import { EnvError } from '#src/env/env-error.js'
import { realSystem } from '#src/env/system.js'
import type { ObjectStore } from '#src/store/object-store.js'
import { newStore, ScriptedMachine, withFaults } from '../support/scripted-rocksdb.js'

/** A database with one table that its owner has open. */
async function owned() {
  const { store } = newStore()
  const owner = await (await ScriptedMachine.start(store)).database().open()
  const table = await owner.flush()
  return { store, owner, table, place: { store, path: 'db' } }
}

async function sealOf(store: ObjectStore): Promise<Seal> {
  const place = { store, path: 'db' }
  return new Seal(place, (await readView([place], ''))!, realSystem.random)
}

describe('a seal', () => {
  test('changes nothing but that the owner can no longer commit', async () => {
    const { store, owner, table, place } = await owned()
    const sealed = (await (await sealOf(store)).set())!
    expect([...sealed.files.keys()]).toEqual([table])
    const view = (await readView([place], ''))!
    expect([...view.files.keys()]).toEqual([table])
    expect(view.manifestEtag).toBe(sealed.manifestEtag)
    await expect(owner.flush()).rejects.toMatchObject({ code: 'IOFenced' })
  })

  test('does not overwrite a commit that came between', async () => {
    const { store, owner, place } = await owned()
    const seal = await sealOf(store)
    const second = await owner.flush()
    expect(await seal.set()).toBeUndefined()
    expect((await readView([place], ''))!.files.has(second)).toBe(true)
    await owner.flush()
    await owner.close()
  })

  test('is written once, however often it is requested', async () => {
    const { store } = await owned()
    let puts = 0
    const counting = withFaults(store, {
      put: (key, body, options) => {
        puts += 1
        return store.put(key, body, options)
      },
    })
    const seal = await sealOf(counting)
    expect(await seal.set()).toBe(await seal.set())
    expect(puts).toBe(1)
  })

  test('whose answer was lost is recognized as its own', async () => {
    const { store } = await owned()
    let isLost = true
    const deaf = withFaults(store, {
      put: async (key, body, options) => {
        const result = await store.put(key, body, options)
        if (!isLost) return result
        isLost = false
        throw new EnvError('IOError', 'no answer', { retryable: true })
      },
    })
    const seal = await sealOf(deaf)
    await expect(seal.set()).rejects.toThrow('no answer')
    expect(await seal.set()).toBeDefined()
  })
})
