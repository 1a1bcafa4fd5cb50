import { expect, test } from 'vitest'
import type { RocksDB } from '#src/index.js'
import { digestInStore } from '../support/database-digest.js'
import { leaveUnchecked } from '../support/left-stores.js'
import { Machine } from '../support/machine.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { mainTestStores } from '../support/test-stores.js'

const utf8 = { valueEncoding: 'utf8' } as const

async function write(db: RocksDB, value: string): Promise<void> {
  await db.put('key', value)
  await db.flush()
}

test.each(mainTestStores())(
  'two clones into directories see nothing of each other, nor their source in $name of them, and keep their writes',
  async ({ make }) => {
    const origin = make()
    const source = new Machine(origin)
    await source.open((db) => write(db, 'source'))
    const clones = ['one', 'two'].map((value) => {
      const store = `file://${temporaryDirectory('cloudenv-clone')}`
      if (!origin.url().startsWith('file:')) leaveUnchecked(store, 'its source is on a server')
      return { value, machine: new Machine(origin, { store, source: origin.url('db') }) }
    })
    for (const { value, machine } of clones) {
      await machine.open(async (db) => {
        expect(await db.get('key', utf8)).toBe('source')
        await write(db, value)
        await db.compactRange()
        await db.put('logged', value)
      })
    }
    await source.open(async (db) => {
      await write(db, 'later')
      await db.compactRange()
    })
    for (const { value, machine } of clones)
      expect(await machine.open((db) => db.getMany(['key', 'logged'], utf8))).toEqual([value, value])
    expect(await source.open((db) => db.getMany(['key', 'logged'], utf8))).toEqual(['later', undefined])
    expect(Object.keys(await digestInStore(origin, 'db'))).toEqual(['default'])
  },
)
