import { expect, test } from 'vitest'
import { encodePin } from '#src/catalog/pin.js'
import { sourcesMetadata } from '#src/catalog/sources.js'
import { type CloudManifest, encodeCloudManifest } from '#src/format/cloud-manifest.js'
import { parseEpoch } from '#src/format/epoch.js'
import { encodeLog } from '#src/format/log-record.js'
import { DirectoryStore } from '#src/store/directory-store.js'
import { assertFormat, formatFaults } from './assert-format.ts'
import { leaveUnchecked } from './left-stores.ts'
import { temporaryDirectory } from './temporary-directory.ts'
import { bytes, field } from './version-edits.ts'

const id = '6c5d1a4e-0f3b-4c8e-9d2a-7b1e5f3c9a80'
const [first, second] = [parseEpoch('aaaaaaaaaaaaaaaa')!, parseEpoch('bbbbbbbbbbbbbbbb')!]
const state: CloudManifest = { past: [{ epoch: first, end: 10 }], current: second }

/** A MANIFEST with table 8 of 100 bytes, table 12 of 200, and blob file 13 with 300 bytes of values. */
function manifest(nextFileNumber = 20): Uint8Array {
  const numbers = [field.logNumber(0), field.nextFileNumber(nextFileNumber), field.lastSequence(1)]
  return encodeLog([
    bytes(field.comparator('leveldb.BytewiseComparator'), ...numbers),
    bytes(field.newTable(0, 8, 100), field.newTable(0, 12, 200, 13), field.newBlobFile(13, 3, 300)),
  ])
}

/** A sound database at `db`, whose table 8 lies at the source of its clone, with one of everything that may lie there. */
async function soundStore(): Promise<DirectoryStore> {
  const store = new DirectoryStore({ directory: temporaryDirectory() })
  const sources = sourcesMetadata([{ url: `${store.url}/origin`, pin: 'fedcba9876543210' }])
  const needed = [`000008.sst-${first}`]
  const sourcePin = encodePin({ kind: 'clone', holder: `${store.url}/db`, objects: needed })
  await store.put('origin/CLOUDPIN-fedcba9876543210', sourcePin)
  await store.put('db/CLOUDMANIFEST', encodeCloudManifest(state), { metadata: sources })
  await store.put('db/CLOUDMANIFEST-checkpoint-monday', encodeCloudManifest(state), { metadata: sources })
  await store.put(`db/MANIFEST-${second}`, manifest())
  await store.put(`db/HISTORY-${second}-000011`, manifest())
  await store.put(`origin/000008.sst-${first}`, Buffer.alloc(100))
  await store.put(`db/000012.sst-${second}`, Buffer.alloc(200))
  await store.put(`db/000013.blob-${second}`, Buffer.alloc(30 + 300 + 32))
  await store.put('db/IDENTITY', Buffer.from(id))
  await store.put(`.rockset/dbid/${id}`, Buffer.alloc(0), { metadata: { dirname: 'db' } })
  const pin = encodePin({ kind: 'clone', holder: 'file:///clone', objects: [`000012.sst-${second}`] })
  await store.put('db/CLOUDPIN-0123456789abcdef', pin)
  return store
}

async function faultsOf(store: DirectoryStore): Promise<string> {
  const openSource = async (url: string) => ({ store, path: url.slice(store.url.length + 1) })
  return (await formatFaults({ store, prefix: '', openSource })).map(({ message }) => message).join('\n')
}

test('a sound bucket has no fault', async () => {
  expect(await faultsOf(await soundStore())).toBe('')
})

test('a creation or destruction that was killed leaves no fault', async () => {
  const store = await soundStore()
  await store.put('other/.cloudenv-probe-1', Buffer.alloc(1))
  await store.put(`other/000004.sst-${first}`, Buffer.alloc(1))
  await store.deleteMany([
    `db/MANIFEST-${second}`,
    `.rockset/dbid/${id}`,
    'db/IDENTITY',
    'origin/CLOUDPIN-fedcba9876543210',
    'db/CLOUDMANIFEST-checkpoint-monday',
  ])
  const dead = { past: [...state.past, { epoch: second, end: 10 }], current: parseEpoch('dead')! }
  await store.put('db/CLOUDMANIFEST', encodeCloudManifest(dead))
  expect(await faultsOf(store)).toBe('')
})

const put = (key: string, body: Uint8Array | string) => (store: DirectoryStore) =>
  store.put(key, Buffer.from(body))
const remove = (key: string) => (store: DirectoryStore) => store.deleteMany([key])
const root = 'db/CLOUDMANIFEST-other'
const cut = manifest().subarray(0, 20)

test.each<[fault: string, change: (store: DirectoryStore) => Promise<unknown>, message: string]>([
  ['a name that means nothing', put('db/notes.txt', ''), 'notes.txt is no name of an object'],
  [
    'a number of five digits',
    put(`db/00012.sst-${second}`, ''),
    `00012.sst-${second} is no name of an object`,
  ],
  ...['CURRENT', 'OPTIONS-000007', 'LOG', 'LOG.old.1', 'LOCK', '000009.log', '000009.dbtmp'].map(
    (name) =>
      [`a local file, ${name}`, put(`anywhere/${name}`, ''), `${name} is a local file`] as [
        string,
        (store: DirectoryStore) => Promise<unknown>,
        string,
      ],
  ),
  ['a CLOUDMANIFEST that is cut off', put(root, encodeCloudManifest(state).subarray(0, 30)), root],
  ['an empty CLOUDMANIFEST', put(root, ''), 'it is empty'],
  [
    'a CLOUDMANIFEST with zeros at its end',
    put(root, Buffer.concat([encodeCloudManifest(state), Buffer.alloc(7)])),
    'it is encoded in another way',
  ],
  [
    'ends that do not ascend',
    put(
      root,
      encodeCloudManifest({ past: [...state.past, { epoch: parseEpoch('c')!, end: 9 }], current: second }),
    ),
    'epochs are not in order',
  ],
  [
    'an epoch that is past and current',
    put(root, encodeCloudManifest({ past: [...state.past, { epoch: second, end: 11 }], current: second })),
    'an epoch is there twice',
  ],
  [
    'a current epoch that is all-decimal',
    put(root, encodeCloudManifest({ ...state, current: parseEpoch('1234567890123456')! })),
    'is all-decimal',
  ],
  ['a missing MANIFEST', remove(`db/MANIFEST-${second}`), 'the CLOUDMANIFEST leads to no MANIFEST'],
  ['a MANIFEST that is cut off', put(`db/MANIFEST-${second}`, cut), `db/MANIFEST-${second}`],
  [
    'a former MANIFEST that is cut off',
    put(`db/HISTORY-${second}-000011`, cut),
    `db/HISTORY-${second}-000011`,
  ],
  [
    'a table above the next file number',
    put(`db/MANIFEST-${second}`, manifest(12)),
    'file 12 is not below the next file number 12',
  ],
  [
    'a past epoch beyond the next file number',
    put(`db/MANIFEST-${second}`, manifest(9)),
    'a past epoch ends at 10, after the next file number 9',
  ],
  ['a missing table', remove(`db/000012.sst-${second}`), `000012.sst-${second} is missing`],
  [
    'a table that is missing at the source',
    remove(`origin/000008.sst-${first}`),
    `000008.sst-${first} is missing`,
  ],
  ['a missing blob file', remove(`db/000013.blob-${second}`), `000013.blob-${second} is missing`],
  ['a table of another size', put(`db/000012.sst-${second}`, 'x'), 'has 1 bytes instead of 200'],
  [
    'a table under the epoch before',
    async (store) => {
      await store.copy(`db/000012.sst-${second}`, `db/000012.sst-${first}`)
      await store.deleteMany([`db/000012.sst-${second}`])
    },
    `000012.sst-${second} is missing`,
  ],
  ['an IDENTITY that is none', put('db/IDENTITY', 'hello'), '"hello" is no id'],
  [
    'a registry that leads elsewhere',
    (store) => store.put(`.rockset/dbid/${id}`, Buffer.alloc(0), { metadata: { dirname: 'elsewhere' } }),
    `the registry has ${id} at elsewhere`,
  ],
  ['an IDENTITY without an entry in the registry', remove(`.rockset/dbid/${id}`), `has ${id} at no place`],
  [
    'an entry of the registry with a content',
    (store) => store.put(`.rockset/dbid/${id}`, Buffer.from('x'), { metadata: { dirname: 'db' } }),
    'the entry of the registry has 1 bytes',
  ],
  [
    'a pin that does not name what the clone needs',
    put('origin/CLOUDPIN-fedcba9876543210', encodePin({ kind: 'clone', holder: '', objects: [] })),
    'CLOUDPIN-fedcba9876543210 there does not name it',
  ],
  ['a pin that cannot be read', put('db/CLOUDPIN-0123456789abcdef', '{}'), 'CLOUDPIN-0123456789abcdef'],
  [
    'a pin of what is no object',
    put('db/CLOUDPIN-0123456789abcdef', encodePin({ kind: 'clone', holder: '', objects: ['../x'] })),
    '../x is nothing to pin',
  ],
  ['a mark of an arrival that cannot be read', put('db/INCOMING', '{'), 'JSON'],
])('%s is a fault', async (_, change, message) => {
  const store = await soundStore()
  leaveUnchecked(store.url, 'it has a fault')
  await change(store)
  expect(await faultsOf(store)).toContain(message)
})

test('assertFormat has every fault in its error', async () => {
  const store = await soundStore()
  leaveUnchecked(store.url, 'it has faults')
  await store.deleteMany([`db/000012.sst-${second}`, `origin/000008.sst-${first}`])
  const assertion = assertFormat({ store, prefix: '', openSource: async () => ({ store, path: 'origin' }) })
  await expect(assertion).rejects.toThrow(/000008.*\n000012/)
})
