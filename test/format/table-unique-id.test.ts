import { expect, test } from 'vitest'
import { tableUniqueId } from '#src/format/table-unique-id.js'

/** What `ldb manifest_dump` and `sst_dump` of RocksDB 9.1 say of the same tables. */
test.each([
  {
    what: 'a database',
    dbId: '989c3350-bc9d-4b02-a49c-8b87450c9e7c',
    sessionId: 'JCWMTVF3BSU4NE7SWKSG',
    fileNumber: 7,
    id: [15388329150331087168n, 12169950485390770594n],
  },
  {
    what: 'a clone',
    dbId: '0a34f754-5e90-4eb1-bf99-e9b76ed2263arockseta49d730d-8fbb-4029-8f2f-5f697cf88beb',
    sessionId: 'JCWMTVF3BSU4NE7SWKSY',
    fileNumber: 32,
    id: [15388329150331087186n, 2323291559491032223n],
  },
])('the id of a table of $what', ({ id, ...origin }) => expect(tableUniqueId(origin)).toEqual(id))

test('an origin that is not known has none', () => {
  const known = {
    dbId: '989c3350-bc9d-4b02-a49c-8b87450c9e7c',
    sessionId: 'JCWMTVF3BSU4NE7SWKSG',
    fileNumber: 7,
  }
  expect(tableUniqueId({ ...known, dbId: '' })).toBeUndefined()
  expect(tableUniqueId({ ...known, sessionId: '' })).toBeUndefined()
  expect(tableUniqueId({ ...known, sessionId: 'jcwmtvf3bsu4ne7swksg' })).toBeUndefined()
  expect(tableUniqueId({ ...known, fileNumber: 0 })).toBeUndefined()
})

test('of a database with an id of another length, the session is told', () => {
  const id = tableUniqueId({ dbId: 'SST Writer', sessionId: 'JCWMTVF3BSU4NE7SWKSG', fileNumber: 1 })
  expect(id).toEqual([15388329150331087168n, undefined])
})
