import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { DirectoryStore } from '#src/store/directory-store.js'
import type { ObjectStore, PutOptions } from '#src/store/object-store.js'
import { assertConditionalPuts } from '#src/store/probe-conditional.js'
import { keysOf } from './contract.js'

let directory: string
let honest: DirectoryStore
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cloudenv-probe-'))
  honest = new DirectoryStore({ directory })
  return () => rmSync(directory, { recursive: true, force: true })
})

/** Like known servers that accept the header and ignore it. */
function lying(ignores: (condition: NonNullable<PutOptions['condition']>) => boolean): ObjectStore {
  return new Proxy<ObjectStore>(honest, {
    get(target, property) {
      if (property === 'put') {
        return (...[key, body, { condition, ...rest } = {}]: Parameters<ObjectStore['put']>) =>
          target.put(key, body, { ...rest, ...(condition && !ignores(condition) && { condition }) })
      }
      const value = Reflect.get(target, property, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

test('a store with conditional writes passes', async () => {
  await assertConditionalPuts(honest, 'db')
  expect(await keysOf(honest)).toEqual([])
})

test.each([
  ['If-None-Match', (condition: unknown) => condition === 'absent', 'only where no object is there'],
  ['If-Match', (condition: unknown) => condition !== 'absent', 'only where the object has a given ETag'],
])(
  'a store that ignores %s is refused with the reason, and left as it was',
  async (_title, ignores, reason) => {
    await honest.put('db/key', Buffer.from('1'))
    await expect(assertConditionalPuts(lying(ignores), 'db')).rejects.toMatchObject({
      code: 'NotSupported',
      message: expect.stringContaining(reason),
    })
    expect(await keysOf(honest)).toEqual(['db/key'])
  },
)
