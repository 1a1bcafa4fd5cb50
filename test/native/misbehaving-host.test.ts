import { describe, expect, test } from 'vitest'
import { magic, maxFrameBytes, Op, protocolVersion } from '#src/host/wire.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { havePrograms, programSuite, run, runOn } from './programs.js'
import { type Behaviour, frame, greeted, greeting, rawFrame, rawHost } from './raw-host.js'

const database = '--db=/nowhere/db'

/** The program failed, and ended by itself. */
const failed = { code: 1, signal: null }

describe.skipIf(!havePrograms)(programSuite('a program that cannot reach a host'), () => {
  test.each([
    ['/nowhere/host.sock', 'no Env host can be reached on /nowhere/host.sock (No such file or directory)'],
    [`/${'x'.repeat(200)}`, "a socket's path has at most"],
    ['relative.sock', 'expected cloudenv:///absolute/path/of/host.sock'],
  ])('gets the reason: cloudenv://%s', async (socketPath, message) => {
    const ended = await runOn(socketPath, 'ldb', [database, 'scan'])
    expect(ended).toMatchObject(failed)
    expect(ended.output).toContain(message)
  })

  test('gets an error if nobody listens on the socket any more', async () => {
    const path = `${temporaryDirectory()}/host.sock`
    await run('node', [
      '-e',
      `require('net').createServer().listen('${path}', () => process.kill(process.pid, 9))`,
    ])
    const ended = await runOn(path, 'ldb', [database, 'scan'])
    expect(ended).toMatchObject(failed)
    expect(ended.output).toContain('(Connection refused): start one')
  })
})

describe.skipIf(!havePrograms)(programSuite('a host that does not greet properly'), () => {
  const cases: [what: string, behaviour: Behaviour, message: string][] = [
    ['closes', (socket) => socket.destroy(), 'it closed the connection instead of greeting'],
    [
      'speaks another version',
      (socket) => socket.write(greeting(1, magic, protocolVersion + 1)),
      `speaks version ${protocolVersion + 1} of the protocol, this library version ${protocolVersion}`,
    ],
    ['has another magic', (socket) => socket.write(greeting(1, 42, protocolVersion)), 'is not an Env host'],
    ['speaks HTTP', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'), 'is not an Env host'],
    [
      'answers another id',
      (socket) => socket.write(greeting(2, magic, protocolVersion)),
      'is not an Env host',
    ],
    ['sends a frame without an op', (socket) => socket.write(rawFrame(0, [])), 'is not an Env host'],
    [
      'sends half a greeting',
      (socket) => socket.write(greeting(1, magic, protocolVersion).subarray(0, 12), () => socket.destroy()),
      'it closed the connection instead of greeting',
    ],
    [
      'refuses, saying why',
      (socket) => socket.write(frame(Op.error, 1, [4, 0, 0, 5, 0, 0, 0, ...Buffer.from('never')])),
      'Invalid argument: never',
    ],
  ]
  test.each(cases)('is refused when it %s', async (_what, behaviour, message) => {
    const ended = await runOn(await rawHost(behaviour), 'ldb', [database, 'scan'])
    expect(ended).toMatchObject(failed)
    expect(ended.output).toContain(message)
  })

  test('is given up after 10 s when it says nothing', async () => {
    const ended = await runOn(await rawHost(() => {}), 'ldb', [database, 'scan'])
    expect(ended).toMatchObject(failed)
    expect(ended.output).toContain('has not answered within 10 s')
  })
})

describe.skipIf(!havePrograms)(programSuite('a host that breaks the protocol'), () => {
  const cases: [what: string, behaviour: Behaviour][] = [
    ['closes the connection', (socket) => socket.destroy()],
    ['announces a frame that is too long', (socket) => socket.write(rawFrame(maxFrameBytes + 1, []))],
    ['sends a frame too short for a request id', (socket) => socket.write(rawFrame(4, [Op.result, 0, 0, 0]))],
    ['sends an empty frame', (socket) => socket.write(rawFrame(0, []))],
    ['answers with an op that is not an answer', (socket, { id }) => socket.write(frame(Op.read, id))],
    ['answers what was not asked', (socket, { id }) => socket.write(frame(Op.result, id + 1))],
    ['answers without an id', (socket) => socket.write(frame(Op.result, 0))],
    ['answers with less than the op needs', (socket, { id }) => socket.write(frame(Op.result, id, [1, 2]))],
    [
      'answers with a string beyond the frame',
      (socket, { id }) => socket.write(frame(Op.result, id, [1, 0, 0, 0, 255, 255, 255, 255, 65])),
    ],
    [
      'counts more items than there are',
      (socket, { id }) => socket.write(frame(Op.result, id, [255, 255, 255, 255])),
    ],
    [
      'answers with more than the op needs',
      (socket, { id }) => socket.write(frame(Op.result, id, [0, 0, 0, 0, 7])),
    ],
    ['sends an error with no message', (socket, { id }) => socket.write(frame(Op.error, id, [5, 0, 0]))],
    [
      'sends an error of an unknown code',
      (socket, { id }) => socket.write(frame(Op.error, id, [77, 0, 0, 0, 0, 0, 0])),
    ],
    ['sends a fence without a message', (socket) => socket.write(frame(Op.fenced, 0, [0, 0, 0, 0]))],
    ['sends an eviction without a generation', (socket) => socket.write(frame(Op.evicted, 0, [1, 0, 0, 0]))],
    [
      'sends half a frame and closes',
      (socket, { id }) =>
        socket.write(frame(Op.result, id, [1, 2, 3, 4]).subarray(0, 7), () => socket.destroy()),
    ],
  ]
  test.each(cases)(
    "is disconnected, and the program's error says what to do, when it %s",
    async (_what, behaviour) => {
      const ended = await runOn(await rawHost(greeted(behaviour)), 'ldb', [database, 'scan'])
      expect(ended).toMatchObject(failed)
      expect(ended.output).toMatch(/the Env host on .* went away \(it .*\): reopen the database/)
    },
  )

  test('may send evictions of what is not open, and fences of what is not written', async () => {
    const path = await rawHost(
      greeted((socket, { id }) => {
        socket.write(frame(Op.evicted, 0, [9, 0, 0, 0, 1, 0, 0, 0]))
        socket.write(frame(Op.fenced, 0, [2, 0, 0, 0, ...Buffer.from('/x'), 0, 0, 0, 0]))
        socket.write(frame(Op.error, id, [1, 0, 0, 4, 0, 0, 0, ...Buffer.from('gone')]))
      }),
    )
    const ended = await runOn(path, 'ldb', [database, 'scan'])
    expect(ended).toMatchObject(failed)
    expect(ended.output).toContain('gone')
    expect(ended.output).not.toContain('went away')
  })
})
