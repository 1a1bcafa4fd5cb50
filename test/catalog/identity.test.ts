import { expect, test } from 'vitest'
import { identityProblems } from '#src/catalog/identity.js'
import { surveyDatabase } from '#src/catalog/survey.js'
import { openStore } from '#src/store/open-store.js'
import { mainTestStores } from '../support/test-stores.js'

const uuid = 'f92b4d70-0a3f-4754-9e90-bf99e9b76ed2'

test.each([
  ['a UUID', uuid, []],
  ['one with a line end behind it', `${uuid}\n`, []],
  ['one in capitals', uuid.toUpperCase(), []],
  ['the two numbers of an old RocksDB', '9b1f3a0c2d-15f3c', []],
  ['the id of a clone', `${uuid}rockset${uuid}`, []],
  ['the id of a clone of a clone, with line ends', `${uuid}\nrockset${uuid}\nrockset${uuid}\n`, []],
  ['nothing', '', ['corrupt']],
  ['some word', 'foo', ['corrupt']],
  ['a word of hexadecimal digits', 'feed', ['corrupt']],
  ['half an id', `${uuid.slice(0, 9)}\0\0\0\0`, ['corrupt']],
  ['the id of a clone without its end', `${uuid}rockset`, ['corrupt']],
  ['no end of digits', 'a-'.repeat(500_000), ['corrupt']],
])('of an IDENTITY that is %s', async (_title, content, expected) => {
  const testStore = mainTestStores()[0]!.make()
  await testStore.put('CLOUDMANIFEST', Buffer.from(''))
  await testStore.put('IDENTITY', Buffer.from(content))
  const store = await openStore(testStore.url())
  const problems = identityProblems(await surveyDatabase([{ store, path: '' }]))
  expect(problems.map(({ code }) => code)).toEqual(expected)
})
