import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { Cli } from '../support/cli.ts'
import { FaultProxy } from '../support/fault-proxy.ts'
import { putHostile } from '../support/hostile-database.ts'
import { ctrlC, haveTerminals, shellCommand, Terminal, terminalSuite } from '../support/terminal.ts'
import { cliAccess, mainTestStores } from '../support/test-stores.ts'

const minio = mainTestStores().find(({ name }) => name === 'minio')
const server = inject('servers').find(({ name }) => name === 'minio')
const clearLine = '\r\u001b[K'

/** A database in a store that does not answer matching requests until told to. */
async function slowDatabase(path: RegExp) {
  const store = minio!.make()
  await putHostile(store, [])
  const proxy = await FaultProxy.start(server!.endpoint)
  onTestFinished(() => proxy.stop())
  let answer = () => {}
  const until = new Promise<void>((resolve) => {
    answer = resolve
  })
  proxy.next('GET', { kind: 'hold', until }, { path, times: 1000 })
  const { options, env } = cliAccess({
    ...store,
    connection: { ...store.connection, endpoint: proxy.endpoint },
  })
  return { url: store.url('db'), options, env, answer, asked: proxy.arrival(path) }
}

/** Text shown since the line was last cleared. */
function endOfLine({ shown }: Terminal): string {
  return shown.slice(shown.lastIndexOf(clearLine) + clearLine.length)
}

const listing = /list-type=2/
const manifest = /\/MANIFEST-/

describe.runIf(minio)('work that takes longer than a second', () => {
  test('is reported in a line if there is no terminal', async () => {
    const { url, options, env, answer } = await slowDatabase(listing)
    const cli = new Cli(['ls', url, ...options], env)
    await expect.poll(() => cli.stderr).toBe('listing: 0 objects, 0/s\n')
    answer()
    expect(await cli.result).toMatchObject({ code: 0, stdout: expect.stringContaining('bad') })
  })

  test('continues if nobody reads standard error', async () => {
    const { url, options, env, answer, asked } = await slowDatabase(listing)
    const cli = new Cli(['ls', url, ...options], env)
    cli.child.stderr!.destroy()
    await asked
    // Its clock started before the request: its second is over by then.
    await delay(1200)
    answer()
    expect(await cli.result).toMatchObject({ code: 0, stdout: expect.stringContaining('bad') })
  })

  test.each([
    ['get', (url: string) => ['get', url, 'k'], 1],
    ['scan', (url: string) => ['scan', url], 0],
  ] as const)('is reported while %s opens a database', async (_, commandLine, code) => {
    const { url, options, env, answer } = await slowDatabase(manifest)
    const cli = new Cli([...commandLine(url), ...options], env)
    await expect.poll(() => cli.stderr).toMatch(/^opening: \d s\n/)
    answer()
    expect((await cli.result).code).toBe(code)
  })

  test('is named correctly while a database is listed and its MANIFEST read', async () => {
    const { url, options, env, answer } = await slowDatabase(manifest)
    const cli = new Cli(['tables', url, ...options], env)
    await expect.poll(() => cli.stderr).toMatch(/^surveying: 2 objects, \d\/s\n/)
    answer()
    expect((await cli.result).code).toBe(0)
  })

  describe.runIf(haveTerminals)(terminalSuite('on a terminal'), () => {
    test('is reported in one line that changes, and disappears at the end', async () => {
      const { url, options, env, answer } = await slowDatabase(listing)
      const terminal = new Terminal(shellCommand(['ls', url, ...options]), { ...env, NO_COLOR: '1' })
      await terminal.showed(/(?:listing: 0 objects, 0\/s.*){3}/s)
      expect(terminal.shown.replaceAll(`${clearLine}listing: 0 objects, 0/s`, '')).toBe('')
      answer()
      expect(await terminal.code).toBe(0)
      expect(endOfLine(terminal)).toMatch(/^database .*bad/s)
    })

    test.each(['get', 'ls'])(
      'ends %s and a loop of them at Ctrl-C, and leaves the line empty',
      async (name) => {
        const { url, options, env } = await slowDatabase(name === 'ls' ? listing : manifest)
        const command = shellCommand([name, url, ...(name === 'get' ? ['k'] : []), ...options])
        const terminal = new Terminal(`bash -c "for i in 1 2 3; do ${command}; echo 'and again'; done"`, env)
        await terminal.showed(/listing|opening/)
        terminal.type(ctrlC)
        expect(await terminal.code).toBe(130)
        expect(terminal.shown).not.toContain('and again')
        expect(endOfLine(terminal).trim()).toBe('')
      },
    )

    test('ends when only the process is interrupted, even if another one does the work', async () => {
      const { url, options, env } = await slowDatabase(manifest)
      const command = shellCommand(['get', url, 'k', ...options])
      const terminal = new Terminal(`sh -c "echo pid \\$\\$; exec ${command}"`, env)
      const [, pid] = await terminal.showed(/pid (\d+)/)
      await terminal.showed(/opening/)
      process.kill(Number(pid), 'SIGINT')
      expect(await terminal.code).toBe(130)
    })
  })
})

test.runIf(minio)('a shell loop ends at Ctrl-C without a terminal too', async () => {
  const { url, options, env, asked } = await slowDatabase(manifest)
  const command = shellCommand(['get', url, 'k', ...options])
  const loop = `for i in 1 2 3; do ${command}; echo 'and again'; done`
  const shell = spawn('bash', ['-c', loop], {
    // A process group of its own, to which a terminal sends Ctrl-C.
    detached: true,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let stdout = ''
  shell.stdout.on('data', (text: Buffer) => {
    stdout += text
  })
  onTestFinished(() => void shell.kill('SIGKILL'))
  await asked
  process.kill(-shell.pid!, 'SIGINT')
  const [, signal] = await once(shell, 'close')
  expect({ signal, stdout }).toEqual({ signal: 'SIGINT', stdout: '' })
})
