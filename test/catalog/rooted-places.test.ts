import { expect, onTestFinished, test } from 'vitest'
import { type Location, openRooted } from '#src/catalog/rooted-places.js'

const at = (path: string, endpoint: string, isSource?: true): Location => ({
  url: `s3://bucket/${path}`,
  options: { endpoint, region: 'us-east-1' },
  ...(isSource && { isSource }),
})
const own = at('db', 'http://own')

/** Server of the store by which a source on `server` is opened. */
async function reached(server: string, ...others: readonly Location[]): Promise<string | undefined> {
  const { openPlace, close } = await openRooted([own, ...others])
  onTestFinished(close)
  return (await openPlace('s3://bucket/recorded', server)).store.server
}

test('a source on the server of another place is reached as that one', async () => {
  const others = [at('source', 'http://source', true), at('new', 'http://new')]
  expect(await reached('http://new', ...others)).toBe('http://new')
  expect(await reached('http://source', ...others)).toBe('http://source')
  expect(await reached('http://own', ...others)).toBe('http://own')
})

test('a source on a server of another name is reached as the named source', async () => {
  expect(await reached('http://alias', at('source', 'http://source', true))).toBe('http://source')
})

test('a source on a third server is not looked for where a clone is made', async () => {
  await expect(reached('http://third', at('new', 'http://new'))).rejects.toThrow(
    's3://bucket/recorded on another server, http://third',
  )
})
