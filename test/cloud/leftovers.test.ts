import { copyFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { killedAfter, newStore, ScriptedMachine } from '../support/scripted-rocksdb.js'

/** Names of the objects at the place of the database. */
async function objectsOf(directory: string, pattern = /./): Promise<string[]> {
  const names = await readdir(join(directory, 'db')).catch(() => [])
  return names.filter((name) => pattern.test(name)).sort()
}

const manifests = /^MANIFEST-/

describe('a creation killed after any of its writes', () => {
  test.each(['on the same machine', 'elsewhere'])(
    'can be repeated %s, and its leftovers are removed',
    async (where) => {
      for (let writes = 0; ; writes++) {
        const { store, directory } = newStore()
        const killed = await ScriptedMachine.start(killedAfter(store, writes))
        const isWhole = await killed
          .database()
          .open()
          .then(
            () => true,
            () => false,
          )
        if (isWhole) return expect(writes, 'writes of a creation').toBeGreaterThan(8)

        const root = where === 'elsewhere' ? {} : { root: killed.root }
        const machine = await ScriptedMachine.start(store, root)
        const db = await machine.database().open()
        const table = await db.flush()
        machine.clock.advance(7_200_000)
        await expect.poll(() => objectsOf(directory, manifests), { message: `${writes}` }).toHaveLength(1)
        await db.close()
        await db.open()
        expect(await db.database.children()).toContain(table)
        await db.close()
      }
    },
  )
})

/** A database with a table, closed, without its CLOUDMANIFEST. */
async function decapitated() {
  const { store, directory } = newStore()
  const machine = await ScriptedMachine.start(store)
  const db = await machine.database().open()
  const table = await db.flush()
  await db.close()
  const { body } = await store.get('db/CLOUDMANIFEST')
  await store.deleteMany(['db/CLOUDMANIFEST'])
  return { store, directory, table, cloudManifest: body }
}

describe('if a database lost its CLOUDMANIFEST', () => {
  test('no new one is created over its tables, and nothing is lost once it is back', async () => {
    const { store, directory, table, cloudManifest } = await decapitated()
    const before = await objectsOf(directory)
    const machine = await ScriptedMachine.start(store)
    const refused = machine.database().open()
    await expect(refused).rejects.toMatchObject({ code: 'Corruption' })
    await expect(refused).rejects.toThrow(
      new RegExp(
        `/db has no CLOUDMANIFEST, yet there lies ${table}-[0-9a-f]{16}, .*Bring the CLOUDMANIFEST back, .*` +
          'remove what lies there, or choose another path',
      ),
    )
    expect(await objectsOf(directory)).toEqual(before)

    await store.put('db/CLOUDMANIFEST', cloudManifest)
    const db = await machine.database().open()
    expect(await db.database.children()).toContain(table)
    await db.close()
  })

  test('a single MANIFEST that names a table prevents a creation', async () => {
    const { store, directory } = await decapitated()
    await store.deleteMany((await objectsOf(directory, /\.sst-/)).map((name) => `db/${name}`))
    const refused = (await ScriptedMachine.start(store)).database().open()
    await expect(refused).rejects.toThrow(/yet there lies MANIFEST-[0-9a-f]{16}, which leads to data/)
  })

  test('a single damaged MANIFEST prevents a creation', async () => {
    const { store, directory } = await decapitated()
    const [manifest] = await objectsOf(directory, manifests)
    await store.deleteMany((await objectsOf(directory)).map((name) => `db/${name}`))
    await store.put(`db/${manifest}`, Buffer.from('damaged'))
    const refused = (await ScriptedMachine.start(store)).database().open()
    await expect(refused).rejects.toThrow(`yet there lies ${manifest}, which leads to data`)
  })

  test('a new one can be created once the remains are removed', async () => {
    const { store, directory } = await decapitated()
    await store.deleteMany((await objectsOf(directory)).map((name) => `db/${name}`))
    const db = await (await ScriptedMachine.start(store)).database().open()
    await db.close()
  })
})

describe("a cookie that is missing, or not one of the database's", () => {
  async function underCookies(...cookies: readonly string[]) {
    const { store, directory } = newStore()
    for (const cookie of cookies) {
      const db = await (await ScriptedMachine.start(store, { cookie })).database().open()
      await db.flush()
      await db.close()
      await store.copy(`db/CLOUDMANIFEST-${cookie}`, `aside/CLOUDMANIFEST-${cookie}`)
      await store.deleteMany([`db/CLOUDMANIFEST-${cookie}`])
      for (const name of await objectsOf(directory)) {
        await store.copy(`db/${name}`, `aside/${name}`)
        await store.deleteMany([`db/${name}`])
      }
    }
    for (const name of await readdir(join(directory, 'aside'))) {
      await store.copy(`aside/${name}`, `db/${name}`)
      await store.deleteMany([`aside/${name}`])
    }
    return { store, directory }
  }

  test.each([
    ['', 'CLOUDMANIFEST'],
    ['typo', 'CLOUDMANIFEST-typo'],
  ])('(%j) creates no empty database: the error names the existing ones', async (cookie, object) => {
    const { store, directory } = await underCookies('blue', 'green')
    const before = await objectsOf(directory)
    const { database } = (await ScriptedMachine.start(store, { cookie })).database()
    const expected = {
      message: expect.stringContaining(
        `db has no ${object}, but a database under other cookies: "blue", "green". No empty database is made beside it. ` +
          'Set the option "cookie" to the one you want, leave it out for none',
      ),
    }
    await expect(database.claim()).rejects.toMatchObject({ ...expected, code: 'InvalidArgument' })
    await expect(database.openMetadata('CURRENT')).rejects.toMatchObject({ ...expected, code: 'NotFound' })
    await expect(database.metadataSize('CURRENT')).rejects.toMatchObject({ ...expected, code: 'NotFound' })
    expect(await objectsOf(directory)).toEqual(before)
  })
})

describe('an object of an epoch that the CLOUDMANIFEST does not list', () => {
  test('is not deleted by the owner: it may belong to a later state than the one restored', async () => {
    const { store, directory } = newStore()
    const machine = await ScriptedMachine.start(store)
    const db = await machine.database().open()
    await db.close()
    const path = join(directory, 'db/CLOUDMANIFEST')
    await copyFile(path, join(directory, 'earlier'))
    const earlier = await objectsOf(directory, manifests)
    await db.open()
    await db.flush()
    await db.close()
    const later = await objectsOf(directory, /^MANIFEST-|\.sst-/)
    expect(later).toEqual(expect.arrayContaining(earlier))

    await copyFile(join(directory, 'earlier'), path)
    const reverted = await machine.database().open()
    machine.clock.advance(7_200_000)
    // The MANIFEST of a past epoch is deleted; the rest would be in the same batch.
    await expect.poll(() => objectsOf(directory, manifests)).not.toEqual(expect.arrayContaining(earlier))
    expect(await objectsOf(directory)).toEqual(
      expect.arrayContaining(later.filter((name) => !earlier.includes(name))),
    )
    await reverted.close()
  })
})
