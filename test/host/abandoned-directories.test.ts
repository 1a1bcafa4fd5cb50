import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { removeAbandonedDirectories } from '#src/host/abandoned-directories.js'
import { makeSocketDirectory, removeSocketDirectory } from '#src/host/socket-directory.js'
import { newRoot } from '../support/machine.js'

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000)

function age(path: string, minutes: number): void {
  utimesSync(path, minutesAgo(minutes), minutesAgo(minutes))
}

/** The directory of a process that listened there and was killed. */
async function killedHost(parent: string): Promise<string> {
  const program = `
    import { createServer } from 'node:net'
    import { makeSocketDirectory } from '#src/host/socket-directory.js'
    const { path, socketPath } = makeSocketDirectory([process.argv[1]])
    createServer().listen(socketPath, () => console.log(path))`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program, parent], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [path] = (await once(child.stdout, 'data')) as [Buffer]
  child.kill('SIGKILL')
  await once(child, 'exit')
  return path.toString().trim()
}

test('the directory of a host that was killed goes when the next one starts, once it is a minute old', async () => {
  const parent = newRoot()
  const left = await killedHost(parent)
  await removeAbandonedDirectories(parent)
  expect(existsSync(left), 'it might be in the making').toBe(true)
  age(left, 2)
  const next = makeSocketDirectory([parent])
  await expect.poll(() => readdirSync(parent).map((name) => join(parent, name))).toEqual([next.path])
  removeSocketDirectory(next)
})

test('so does that of a process with the one of the host that it watched over in it, once both are dead', async () => {
  const parent = newRoot()
  const { path: outer } = makeSocketDirectory([parent])
  const inner = await killedHost(outer)
  age(outer, 2)
  await removeAbandonedDirectories(parent)
  expect(existsSync(inner), 'it might be in the making').toBe(true)
  age(inner, 2)
  age(outer, 2)
  await removeAbandonedDirectories(parent)
  expect(readdirSync(parent)).toEqual([])
})

test('and stays while that host lives', async () => {
  const parent = newRoot()
  const { path: outer } = makeSocketDirectory([parent])
  const inner = makeSocketDirectory([outer])
  const server = createServer().listen(inner.socketPath)
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  for (const path of [inner.path, outer]) age(path, 10_000)
  await removeAbandonedDirectories(parent)
  expect(readdirSync(inner.path).sort()).toEqual(['boot', 'env.sock'])
  for (const directory of [inner, { path: outer, socketPath: '' }]) removeSocketDirectory(directory)
})

test('that of a living host stays, however old it is', async () => {
  const parent = newRoot()
  const living = makeSocketDirectory([parent])
  const server = createServer().listen(living.socketPath)
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  age(living.path, 10_000)
  await removeAbandonedDirectories(parent)
  expect(readdirSync(living.path).sort()).toEqual(['boot', 'env.sock'])
  removeSocketDirectory(living)
})

test('one without a socket stays for a day: its host may still be opening its Env', async () => {
  const parent = newRoot()
  const { path } = makeSocketDirectory([parent])
  age(path, 23 * 60)
  await removeAbandonedDirectories(parent)
  expect(existsSync(path)).toBe(true)
  age(path, 25 * 60)
  await removeAbandonedDirectories(parent)
  expect(existsSync(path)).toBe(false)
})

test.each<[what: string, spoil: (directory: string) => void]>([
  ['of another machine or boot', (path) => writeFileSync(join(path, 'boot'), 'another')],
  ['with something else in it', (path) => writeFileSync(join(path, 'notes'), '')],
])('one %s stays', async (_, spoil) => {
  const parent = newRoot()
  const left = await killedHost(parent)
  spoil(left)
  age(left, 2)
  await removeAbandonedDirectories(parent)
  expect(existsSync(left)).toBe(true)
})

test('what is only named alike stays', async () => {
  const parent = newRoot()
  const alike = mkdtempSync(join(parent, 'cloudenv-'))
  age(alike, 10_000)
  await removeAbandonedDirectories(parent)
  expect(existsSync(alike)).toBe(true)
})
