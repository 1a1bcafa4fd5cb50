import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { DatabasePlace } from '#src/catalog/database-place.js'
import type { StoredFile } from '#src/catalog/stored-file.js'
import { type Table, Tables } from '#src/cloud/tables.js'

const place = { path: 'db' } as DatabasePlace
const fileOf = (name: string): StoredFile => ({
  place,
  objectName: `${name}-e`,
  size: 1,
  modified: new Date(0),
})

test('files of the inherited state are stored, neither pending nor leaving', () => {
  const tables = new Tables(new Map([['1.sst', fileOf('1.sst')]]))
  expect(tables.live('1.sst')).toMatchObject({ key: 'db/1.sst-e', state: 'stored' })
  expect([tables.pending.size, tables.leaving.size]).toEqual([0, 0])
})

test('a leftover object is known once, by its key', () => {
  const tables = new Tables(new Map())
  const left = tables.inherit('db/MANIFEST-e')
  expect(tables.inherit('db/MANIFEST-e')).toBe(left)
  expect([...tables.leaving.values()]).toEqual([left])
  tables.forget(left)
  expect(tables.leaving.size).toBe(0)
})

/** Possible next steps of RocksDB, the uploads and the deletions; an impossible one does nothing. */
const step = fc.tuple(
  fc.constantFrom('seal', 'drop', 'start', 'arrive', 'fail', 'retry', 'delete', 'vanish'),
  fc.constantFrom('1.sst', '2.sst'),
)

test('whatever happens, RocksDB has every file that it sealed and did not drop, and only dropped ones are deleted', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const tables = new Tables(new Map())
      const sealed = new Set<string>()
      for (const [event, name] of steps) {
        const key = `db/${name}-e`
        const table: Table | undefined = tables.live(name) ?? tables.leaving.get(key)
        if (event === 'seal') {
          // RocksDB waits for the deletion of a file before it uses the name again.
          if (!sealed.has(name) && table?.state !== 'cancelled') {
            tables.seal(name, fileOf(name))
            sealed.add(name)
          }
        } else if (event === 'drop') {
          if (sealed.delete(name)) tables.drop(name)
        } else if (table) {
          try {
            tables.on(table, event as 'start')
          } catch (error) {
            expect(String(error)).toContain('is impossible while')
          }
        }
        expect(new Set(tables.names())).toEqual(sealed)
        for (const live of sealed)
          expect(tables.live(live)!.state).not.toMatch(/^(?:obsolete|deleting|deleted)$/)
        for (const { state } of tables.pending)
          expect(['sealed', 'resealed', 'uploading', 'failed']).toContain(state)
        for (const [leaving, { key: own, state }] of tables.leaving) {
          expect(leaving).toBe(own)
          expect(['cancelled', 'obsolete', 'deleting', 'resealed']).toContain(state)
        }
      }
    }),
  )
})
