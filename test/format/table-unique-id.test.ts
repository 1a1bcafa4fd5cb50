import { expect, test } from 'vitest'
import { tableUniqueId } from '#src/format/table-unique-id.js'

/** Output of `ldb manifest_dump` and `sst_dump` of RocksDB 9.1 for the same tables. */
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
  {
    what: 'a writer of tables to ingest',
    dbId: 'SST Writer',
    sessionId: 'H896IF5Y6431LY9VWD65',
    fileNumber: 1,
    id: [10028036114904362413n, 3887376656591275360n],
  },
])('the id of a table of $what', async ({ id, ...origin }) => expect(await tableUniqueId(origin)).toEqual(id))

test('a table of unknown origin has none', async () => {
  const known = {
    dbId: '989c3350-bc9d-4b02-a49c-8b87450c9e7c',
    sessionId: 'JCWMTVF3BSU4NE7SWKSG',
    fileNumber: 7,
  }
  expect(await tableUniqueId({ ...known, dbId: '' })).toBeUndefined()
  expect(await tableUniqueId({ ...known, sessionId: '' })).toBeUndefined()
  expect(await tableUniqueId({ ...known, sessionId: 'jcwmtvf3bsu4ne7swksg' })).toBeUndefined()
  expect(await tableUniqueId({ ...known, fileNumber: 0 })).toBeUndefined()
})
