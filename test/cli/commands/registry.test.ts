import { expect, test } from 'vitest'
import { findInRegistry, listRegistry, removeFromRegistry } from '#src/index.js'
import { runCommand } from '../../support/command-runner.js'
import { leaveUnchecked } from '../../support/left-stores.js'
import { Machine } from '../../support/machine.js'
import { cliAccess, mainTestStores, type TestStore } from '../../support/test-stores.js'

async function registry(store: TestStore, command: string, ...words: readonly string[]) {
  const { options, env } = cliAccess(store)
  return await runCommand(['registry', command, store.url(), ...words, ...options], env)
}

test.each(mainTestStores())(
  'registry lists, finds and removes the databases of $name by their ids',
  async ({ make }) => {
    const store = make()
    const machine = new Machine(store)
    for (const name of ['one', 'two'])
      await machine.open((db) => db.flush(), { path: `${machine.root}/${name}` })
    const idOf = async (name: string) =>
      Buffer.from(await store.get(`${name}/IDENTITY`))
        .toString()
        .trim()
    const [one, two] = [await idOf('one'), await idOf('two')]

    const entries = await listRegistry(store.url(), store.connection)
    // A server's bucket has those of other tests, too.
    const path = entries.find(({ id }) => id === one)!.path
    expect(path).toMatch(/(^|\/)one$/)
    const { stdout } = await registry(store, 'ls')
    expect(stdout).toContain(one)
    expect(stdout).toMatch(/databases in the registry\n$/)
    const listed = JSON.parse((await registry(store, 'ls', '--json')).stdout)
    expect(listed).toContainEqual(expect.objectContaining({ id: two, path: path.replace(/one$/, 'two') }))

    leaveUnchecked(store.url(), 'the databases stay without their entries')
    expect(await registry(store, 'find', one)).toMatchObject({ code: 0, stdout: `${path}\n` })
    expect(await registry(store, 'rm', one)).toMatchObject({ code: 0, stdout: '' })
    expect(await findInRegistry(store.url(), one, store.connection)).toBe(undefined)
    expect(await registry(store, 'find', one)).toMatchObject({ code: 1, stdout: '' })
    expect(await registry(store, 'rm', one)).toMatchObject({ code: 1 })
    expect(await removeFromRegistry(store.url('two'), two, store.connection)).toBe(true)
    expect(await registry(store, 'find', '../../two/IDENTITY')).toMatchObject({ code: 1 })
    expect(await store.get('two/IDENTITY')).toBeDefined()
  },
)

test('registry says what is wrong with the command line', async () => {
  const [directory] = mainTestStores()
  expect(await registry(directory!.make(), 'list')).toMatchObject({ code: 2 })
  expect(await registry(directory!.make(), 'find')).toMatchObject({ code: 2 })
})
