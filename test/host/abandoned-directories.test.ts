import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { removeAbandonedDirectories } from '#src/host/abandoned-directories.js'
import { makeSocketDirectory, removeSocketDirectory } from '#src/host/socket-directory.js'
import { runChild } from '../support/child.js'
import { newRoot } from '../support/machine.js'

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000)

function age(path: string, minutes: number): void {
  utimesSync(path, minutesAgo(minutes), minutesAgo(minutes))
}

/** A process with a directory in `parent`, in which it listens unless it is still opening its Env. */
async function host(parent: string, { isOpening = false } = {}) {
  const { process, lines, ended } = runChild(
    `const { createServer } = await import('node:net')
     const { makeSocketDirectory } = await load('host/socket-directory.js')
     const { path, socketPath } = await makeSocketDirectory([args[0]])
     if (args[1] === 'opening') setInterval(() => {}, 1000)
     else await new Promise((listening) => createServer().listen(socketPath, listening))
     console.log(path)`,
    [parent, isOpening ? 'opening' : 'listening'],
  )
  const kill = async () => {
    process.kill('SIGKILL')
    await ended
  }
  onTestFinished(kill)
  return { path: (await lines.next()).value as string, kill }
}

async function killedHost(parent: string): Promise<string> {
  const { path, kill } = await host(parent)
  await kill()
  return path
}

test('the directory of a killed host is removed when the next one starts, once it is a minute old', async () => {
  const parent = newRoot()
  const left = await killedHost(parent)
  await removeAbandonedDirectories(parent)
  expect(existsSync(left), 'it might be in the making').toBe(true)
  age(left, 2)
  const next = await makeSocketDirectory([parent])
  await expect.poll(() => readdirSync(parent).map((name) => join(parent, name))).toEqual([next.path])
  await removeSocketDirectory(next)
})

test("a process's directory, with its host's inside, is removed once both are dead", async () => {
  const parent = newRoot()
  const outer = await host(parent)
  const inner = await host(outer.path)
  const sweep = async () => {
    for (const path of [inner.path, outer.path]) age(path, 10_000)
    await removeAbandonedDirectories(parent)
  }
  await sweep()
  expect(existsSync(outer.path), 'both live').toBe(true)
  await outer.kill()
  await sweep()
  expect(readdirSync(inner.path).sort(), 'the inner one lives').toEqual(['env.sock', 'lock'])
  await inner.kill()
  await sweep()
  expect(readdirSync(parent)).toEqual([])
})

test.each([
  ['that listens', false],
  ['that is still opening its Env', true],
])(
  'that of a living host %s stays, however old it is, and goes once that is killed',
  async (_, isOpening) => {
    const parent = newRoot()
    const { path, kill } = await host(parent, { isOpening })
    age(path, 10_000)
    await removeAbandonedDirectories(parent)
    expect(existsSync(join(path, 'lock'))).toBe(true)
    expect(existsSync(join(path, 'env.sock'))).toBe(!isOpening)
    await kill()
    await removeAbandonedDirectories(parent)
    expect(existsSync(path)).toBe(false)
  },
)

test.each<[what: string, spoil: (directory: string) => void]>([
  ['with something else in it', (path) => writeFileSync(join(path, 'notes'), '')],
  ['without a lock', (path) => rmSync(join(path, 'lock'))],
])('one %s stays', async (_, spoil) => {
  const parent = newRoot()
  const left = await killedHost(parent)
  spoil(left)
  age(left, 2)
  await removeAbandonedDirectories(parent)
  expect(existsSync(join(left, 'env.sock'))).toBe(true)
})

test('anything else with a similar name stays', async () => {
  const parent = newRoot()
  const alike = mkdtempSync(join(parent, 'cloudenv-'))
  age(alike, 10_000)
  await removeAbandonedDirectories(parent)
  expect(existsSync(alike)).toBe(true)
})
