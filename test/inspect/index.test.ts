import {
  databaseInfo,
  type FoundDatabase,
  findDatabases,
  garbageReport,
  listedDatabases,
  listTables,
  lsmTrees,
  type Places,
  surveyDatabase,
  surveyUploads,
  tableInfos,
  verifyDatabase,
  verifyJson,
} from 'rocksdb-cloud-env/inspect'
import { expect, test } from 'vitest'
import { encodeCloudManifest } from '#src/format/cloud-manifest.js'
import { parseEpoch } from '#src/format/epoch.js'
import { encodeLog } from '#src/format/log-record.js'
import { StoredObjects } from '../support/stored-objects.js'
import { bytes, field } from '../support/version-edits.js'

/** Table 12 is live; table 13 exists but is not in the MANIFEST. */
const objects = new StoredObjects({
  'db/IDENTITY': '11111111-2222-3333-4444-555555555555',
  'db/CLOUDMANIFEST': encodeCloudManifest({ past: [], current: parseEpoch('abc')! }),
  'db/MANIFEST-abc': encodeLog([
    bytes(field.logNumber(1), field.nextFileNumber(90), field.lastSequence(9), field.newTable(1, 12, 5)),
  ]),
  'db/000012.sst-abc': 'table',
  'db/000013.sst-abc': 'another',
})
const place = { store: objects.store, path: 'db' }
const places: Places = [place]

test('a program gets the reports that the command line prints', async () => {
  const survey = await surveyDatabase(places)
  const state = survey.states.get('')!
  const trees = state.manifest && lsmTrees(state.manifest)
  expect(databaseInfo(survey, state, trees, [])).toMatchObject({
    url: 'memory://bucket/db',
    epoch: 'abc',
    columnFamilies: [{ name: 'default', tables: 1, tableBytes: 5 }],
    objects: { garbage: { objects: 1, bytes: 7 } },
    missing: 0,
  })
  expect(tableInfos(survey, state, listTables(state, {}), { problems: [] }).tables).toMatchObject([
    { number: 12, object: 'memory://bucket/db/000012.sst-abc', storedBytes: 5 },
  ])
  expect(garbageReport(survey, [], await surveyUploads(place)).garbage).toMatchObject([
    { object: 'memory://bucket/db/000013.sst-abc', reason: 'uncommitted' },
  ])
  const { value: database } = await findDatabases({ store: objects.store, path: '' }).next()
  expect(await listedDatabases([database as FoundDatabase])).toMatchObject([
    { path: 'db', states: [{ tables: 1 }] },
  ])
})

test('a program verifies a database', async () => {
  const verification = await verifyDatabase(places, { isDeep: true })
  expect(verifyJson(verification, { isDeep: true })).toMatchObject({
    isSound: false,
    problems: [{ code: 'corrupt', object: 'memory://bucket/db/000012.sst-abc' }],
  })
})
