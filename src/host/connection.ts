import type { Socket } from 'node:net'
import { EnvError, toEnvError } from '../env/env-error.js'
import { describe, type Request, requests } from './requests.js'
import { type Answer, Session, type SessionHost } from './session.js'
import {
  errorCodes,
  errorScopes,
  FrameDecoder,
  FrameReader,
  FrameWriter,
  magic,
  maxTransferBytes,
  Op,
  ProtocolError,
  protocolVersion,
} from './wire.js'

/**
 * No further request begins while the running ones, and answers that the client has not read yet, take more than this:
 * eight of the largest.
 */
const maxPendingBytes = 8 * maxTransferBytes
/** Limit for an error's message: a text that an Env quotes may have any length, and a frame must fit the protocol. */
const maxMessageLength = 16 * 1024

/** The host's end of one socket: turns frames into calls of the Env, and their results into frames. */
export class Connection {
  /** Resolves once the client is gone and everything that it held is free again. */
  readonly released: Promise<void>
  readonly #host: SessionHost
  readonly #socket: Socket
  readonly #decoder = new FrameDecoder()
  readonly #out = new FrameWriter()
  /** Set from the hand-shake on. */
  #session: Session | undefined
  #ended = false
  #flushScheduled = false
  #running = 0
  #runningBytes = 0
  #whenIdle: (() => void) | undefined

  constructor(host: SessionHost, socket: Socket) {
    this.#host = host
    this.#socket = socket
    socket.on('data', (chunk) => {
      this.#decoder.push(chunk)
      this.#serve()
    })
    socket.on('drain', () => this.#serve())
    socket.on('end', () => this.end())
    socket.on('error', () => {}) // 'close' follows.
    this.released = new Promise((resolve) => {
      socket.once('close', () => resolve(this.#release()))
    })
  }

  /** No request will come any more. */
  get ended(): boolean {
    return this.#ended
  }

  fenced(directory: string, message: string): void {
    if (this.#session !== undefined) this.#send(Op.fenced, 0, (out) => out.string(directory).string(message))
  }

  end(): void {
    this.#ended = true
    this.#socket.destroy()
  }

  #serve(): void {
    try {
      while (!this.#ended && !this.#isFull()) {
        const body = this.#decoder.next()
        if (body === undefined) break
        this.#receive(new FrameReader(body), body.length)
      }
    } catch (error) {
      this.#refuse(error)
    }
    if (this.#isFull()) this.#socket.pause()
    else if (this.#socket.isPaused()) this.#socket.resume()
  }

  #isFull(): boolean {
    return this.#runningBytes + this.#out.length + this.#socket.writableLength > maxPendingBytes
  }

  #receive(input: FrameReader, bytes: number): void {
    const session = this.#session
    if (session === undefined) {
      this.#greet(input)
      return
    }
    const request = requests.get(input.op)
    if (request === undefined) throw new ProtocolError(`op ${input.op} is not a request`)
    if (input.id === 0 && input.op !== Op.close && input.op !== Op.released)
      throw new ProtocolError(`${request.name} without a request id`)
    const fields = request.read(input)
    // Only READ and ENSURE have a third field: how many bytes the answer may bring.
    const answerBytes = typeof fields[2] === 'number' ? Math.min(fields[2], maxTransferBytes) : 0
    void this.#answer(session, input.id, request, fields, bytes + answerBytes)
  }

  #greet(hello: FrameReader): void {
    if (hello.op !== Op.hello || hello.id === 0 || hello.u32() !== magic)
      throw new ProtocolError('the first frame is not a HELLO of this protocol')
    const version = hello.u16()
    if (version !== protocolVersion) {
      const message =
        `this host speaks version ${protocolVersion} of the protocol, the client version ${version}: ` +
        'use the host and the client of one release'
      this.#fail(hello.id, new EnvError('InvalidArgument', message))
      this.#flush()
      this.#ended = true
      this.#socket.destroySoon()
      return
    }
    const who = hello.string()
    hello.end()
    this.#session = new Session(this.#host, who, (handle, generation) =>
      this.#send(Op.evicted, 0, (out) => out.u32(handle).u32(generation)),
    )
    const { localLocks, localNames } = this.#host.env
    this.#send(Op.result, hello.id, (out) =>
      out
        .u32(magic)
        .u16(protocolVersion)
        .bool(localLocks)
        .list(localNames, (name) => out.string(name)),
    )
  }

  async #answer(
    session: Session,
    id: number,
    request: Request,
    fields: ReturnType<Request['read']>,
    bytes: number,
  ): Promise<void> {
    this.#running++
    this.#runningBytes += bytes
    try {
      const answer = await request.begin(session, ...fields)
      if (id !== 0) this.#send(Op.result, id, answer ?? noPayload)
    } catch (error) {
      // Without an id nobody waits: the Env reports a failed CLOSE where it matters.
      if (id !== 0) this.#fail(id, toEnvError(error, describe(session, request, fields)))
    }
    this.#running--
    this.#runningBytes -= bytes
    if (this.#socket.isPaused()) this.#serve()
    if (this.#running === 0) this.#whenIdle?.()
  }

  #fail(id: number, { code, retryable, scope, message }: EnvError): void {
    const text = message.length > maxMessageLength ? `${message.slice(0, maxMessageLength)}…` : message
    this.#send(Op.error, id, (out) =>
      out.u8(errorCodes[code]).bool(retryable).u8(errorScopes[scope]).string(text),
    )
  }

  /** Throws, with nothing sent, if the payload cannot be written or does not fit a frame. */
  #send(op: number, id: number, payload: Answer): void {
    if (this.#ended) return
    this.#out.begin(op, id)
    try {
      payload(this.#out)
      this.#out.finish()
    } catch (error) {
      this.#out.abandon()
      throw error
    }
    if (this.#flushScheduled) return
    // All answers of one turn of the event loop leave in one write.
    this.#flushScheduled = true
    process.nextTick(() => this.#flush())
  }

  #flush(): void {
    this.#flushScheduled = false
    if (!this.#ended && this.#out.length > 0) this.#socket.write(this.#out.take())
  }

  /** The client broke the protocol: nothing that it sends after this can be understood. */
  #refuse(error: unknown): void {
    const who = this.#session?.who ?? 'a client'
    const reason = error instanceof Error ? error.message : String(error)
    process.emitWarning(`closed the connection of ${who}: ${reason}`, { code: 'CLOUDENV_PROTOCOL' })
    this.end()
  }

  async #release(): Promise<void> {
    this.#ended = true
    const session = this.#session
    if (session === undefined) return
    await session.closeFiles()
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve
      })
    }
    // Once more, for files that were being opened meanwhile.
    await session.closeFiles()
    await session.releaseLocks()
  }
}

function noPayload(): void {}
