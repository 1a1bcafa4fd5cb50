import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { createConnection, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { havePrograms, programSuite, runOn } from '../../native/programs.ts'
import { Cli, runCli } from '../../support/cli.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { WireClient } from '../../support/wire-client.ts'

describe.skipIf(!havePrograms)(programSuite('cloudenv serve'), () => {
  const running: Cli[] = []

  afterEach(async () => {
    for (const cli of running.splice(0)) {
      cli.child.kill('SIGKILL')
      await cli.result
    }
  })

  const serve = async (...cliArguments: string[]) => {
    const cli = new Cli(['serve', '--env', 'memory', ...cliArguments])
    running.push(cli)
    const [, socketPath] = await cli.printed(/^Serving cloudenv:\/\/(\S+) until interrupted/)
    return { cli, socketPath: socketPath! }
  }

  test('serves one program after another until interrupted, then leaves nothing behind', async () => {
    const { cli, socketPath } = await serve()
    const put = await runOn(socketPath, 'ldb', ['--db=/db', '--create_if_missing', 'put', 'key', 'value'])
    expect(put).toMatchObject({ code: 0 })
    const got = await runOn(socketPath, 'ldb', ['--db=/db', 'get', 'key'])
    expect(got).toMatchObject({ code: 0, output: expect.stringContaining('value') })
    cli.child.kill('SIGTERM')
    expect((await cli.result).code).toBe(0)
    expect(existsSync(dirname(socketPath))).toBe(false)
  })

  test('says how a program uses it, in a line that works', async () => {
    const { cli } = await serve('--root', '/data')
    const [line] = await cli.printed(/^ {2}\S*PRELOAD=\S+ ldb .*$/m)
    expect(line).toMatch(/libcloudenv\.so ldb --fs_uri=cloudenv:\/\/\/\S+ --db=\/data\//)
  })

  test('says it in JSON for programs', async () => {
    const cli = new Cli(['serve', '--env', 'memory', '--json'])
    running.push(cli)
    const [line] = await cli.printed(/^.*\n/)
    expect(JSON.parse(line)).toEqual({
      fsUri: expect.stringMatching(/^cloudenv:\/\/\//),
      environment: expect.objectContaining({}),
    })
  })

  test('recognizes a host that is too busy to answer as alive', async () => {
    const socket = join(temporaryDirectory(), 'busy.sock')
    const listen = `require('node:net').createServer().listen({ path: ${JSON.stringify(socket)}, backlog: 1 }, () => {
      console.log('listening')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    })`
    const busy = spawn(process.execPath, ['-e', listen], { stdio: ['ignore', 'pipe', 'inherit'] })
    const clients: Socket[] = []
    try {
      await once(busy.stdout, 'data')
      // Until its queue is full.
      for (let isFull = false; !isFull; ) {
        const client = createConnection(socket)
        clients.push(client)
        isFull = await once(client, 'connect').then(
          () => false,
          () => true,
        )
      }
      const refused = await runCli(['serve', '--env', 'memory', '--socket', socket])
      expect(refused).toMatchObject({ code: 2, stderr: `cloudenv: ${socket} is in use by another host\n` })
      expect(existsSync(socket)).toBe(true)
    } finally {
      for (const client of clients) client.destroy()
      busy.kill('SIGKILL')
    }
  })

  test('listens on the given socket, and refuses one in use', async () => {
    const socket = join(temporaryDirectory(), 'my.sock')
    const { cli, socketPath } = await serve('--socket', socket)
    expect(socketPath).toBe(socket)
    const second = await runCli(['serve', '--env', 'memory', '--socket', socket])
    expect(second).toMatchObject({ code: 2, stderr: `cloudenv: ${socket} is in use by another host\n` })
    const client = await WireClient.connect(socket)
    await client.disconnect()
    cli.child.kill('SIGINT')
    expect((await cli.result).code).toBe(0)
    expect(existsSync(socket)).toBe(false)
  })

  test('takes the place of a host that was killed', async () => {
    const socket = join(temporaryDirectory(), 'my.sock')
    const { cli } = await serve('--socket', socket)
    cli.child.kill('SIGKILL')
    await cli.result
    expect(existsSync(socket)).toBe(true)
    await serve('--socket', socket)
    const client = await WireClient.connect(socket)
    await client.disconnect()
  })

  test('never removes what is not a socket', async () => {
    const path = join(temporaryDirectory(), 'precious')
    await writeFile(path, 'data')
    const { code, stderr } = await runCli(['serve', '--env', 'memory', '--socket', path])
    expect({ code, stderr }).toEqual({ code: 2, stderr: `cloudenv: ${path} exists and is not a socket\n` })
    expect(await readFile(path, 'utf8')).toBe('data')
  })
})
