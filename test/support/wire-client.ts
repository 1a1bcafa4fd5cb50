import { open } from 'node:fs/promises'
import { createConnection, type Socket } from 'node:net'
import {
  errorCodes,
  FrameDecoder,
  FrameReader,
  FrameWriter,
  maxTransferBytes,
  Op,
  protocolVersion,
} from '#src/host/wire.js'

/** An ERROR answer of a host. */
export class HostError extends Error {
  readonly code: string
  readonly retryable: boolean
  readonly scope: number

  constructor(payload: FrameReader) {
    const code = payload.u8()
    const retryable = payload.bool()
    const scope = payload.u8()
    super(payload.string())
    this.code = Object.entries(errorCodes).find(([, number]) => number === code)?.[0] ?? `code ${code}`
    this.retryable = retryable
    this.scope = scope
  }
}

type Payload = (out: FrameWriter) => unknown

/** A socket to a host that knows only the frames of the protocol. */
export class FrameSocket {
  readonly socket: Socket
  /** Resolves when the host has closed the connection, or this side has. */
  readonly closed: Promise<void>
  onFrame: (frame: FrameReader) => void = () => {}
  readonly #decoder = new FrameDecoder()

  static async connect(path: string): Promise<FrameSocket> {
    const socket = createConnection(path)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new FrameSocket(socket)
  }

  private constructor(socket: Socket) {
    this.socket = socket
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      this.#decoder.push(chunk)
      for (let body = this.#decoder.next(); body !== undefined; body = this.#decoder.next())
        this.onFrame(new FrameReader(body))
    })
  }

  send(op: number, id: number, payload: Payload = () => {}): void {
    this.socket.write(frame(op, id, payload))
  }
}

export function frame(op: number, id: number, payload: Payload = () => {}): Buffer {
  const out = new FrameWriter().begin(op, id)
  payload(out)
  out.finish()
  return out.take()
}

export function helloFrame(who: string, version = protocolVersion, magic = 0x564e4543): Buffer {
  return frame(Op.hello, 1, (out) => out.u32(magic).u16(version).string(who))
}

/** A client like the bridge: shakes hands, then sends requests and matches answers. */
export class WireClient {
  localLocks = false
  localNames: string[] = []
  /** FENCED and EVICTED in the order of arrival. */
  readonly fenced: { directory: string; message: string }[] = []
  readonly evicted: { handle: number; generation: number }[] = []
  readonly frames: FrameSocket
  /** Ids of the answers in the order of arrival. */
  readonly answered: number[] = []
  readonly #waiting = new Map<number, { resolve(payload: FrameReader): void; reject(error: Error): void }>()
  readonly #watchers = new Set<() => void>()
  #lastId = 1

  static async connect(socketPath: string, who = 'test (pid 1)'): Promise<WireClient> {
    const client = new WireClient(await FrameSocket.connect(socketPath))
    const hello = client.#answer(1)
    client.frames.socket.write(helloFrame(who))
    const answer = await hello
    answer.u32()
    answer.u16()
    client.localLocks = answer.bool()
    client.localNames = answer.list(() => answer.string())
    answer.end()
    return client
  }

  private constructor(frames: FrameSocket) {
    this.frames = frames
    frames.onFrame = (answer) => this.#receive(answer)
    void frames.closed.then(() => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the host closed the connection'))
    })
  }

  get nextId(): number {
    return this.#lastId + 1
  }

  /** Sends at once; the answer's payload, or a HostError. */
  request(op: number, payload?: Payload): Promise<FrameReader> {
    const id = ++this.#lastId
    const answer = this.#answer(id)
    this.frames.send(op, id, payload)
    return answer
  }

  notify(op: number, payload: Payload): void {
    this.frames.send(op, 0, payload)
  }

  /** Resolves as soon as `condition` holds; checked whenever something arrives from the host. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!condition()) return
        this.#watchers.delete(look)
        resolve()
      }
      this.#watchers.add(look)
      look()
    })
  }

  async disconnect(): Promise<void> {
    this.frames.socket.destroy()
    await this.frames.closed
  }

  async exists(path: string): Promise<void> {
    await this.#path(Op.fileExists, path)
  }

  async children(path: string): Promise<string[]> {
    const answer = await this.#path(Op.getChildren, path)
    return answer.list(() => answer.string()).sort()
  }

  async attributes(path: string): Promise<{ name: string; size: number }[]> {
    const answer = await this.#path(Op.getChildrenFileAttributes, path)
    const files = answer.list(() => ({ name: answer.string(), size: answer.u64() }))
    return files.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async deleteFile(path: string): Promise<void> {
    await this.#path(Op.deleteFile, path)
  }

  async createDirIfMissing(path: string): Promise<void> {
    await this.#path(Op.createDirIfMissing, path)
  }

  async deleteDir(path: string): Promise<void> {
    await this.#path(Op.deleteDir, path)
  }

  async size(path: string): Promise<number> {
    return (await this.#path(Op.getFileSize, path)).u64()
  }

  async modificationTime(path: string): Promise<number> {
    return (await this.#path(Op.getFileModificationTime, path)).u64()
  }

  async freeSpace(path: string): Promise<number> {
    return (await this.#path(Op.getFreeSpace, path)).u64()
  }

  async isDirectory(path: string): Promise<boolean> {
    return (await this.#path(Op.isDirectory, path)).bool()
  }

  async fsyncDirectory(path: string): Promise<string | undefined> {
    const answer = await this.#path(Op.fsyncDirectory, path)
    const present = answer.bool()
    const localPath = answer.string()
    return present ? localPath : undefined
  }

  async rename(source: string, target: string): Promise<void> {
    await this.request(Op.renameFile, (out) => out.string(source).string(target))
  }

  async link(source: string, target: string): Promise<void> {
    await this.request(Op.linkFile, (out) => out.string(source).string(target))
  }

  async lock(path: string): Promise<void> {
    await this.#path(Op.lockFile, path)
  }

  async unlock(path: string): Promise<void> {
    await this.#path(Op.unlockFile, path)
  }

  async write(path: string, contents: string | Uint8Array): Promise<void> {
    await this.#put(Op.newWritableFile, 'w', path, contents)
  }

  async append(path: string, contents: string | Uint8Array): Promise<void> {
    await this.#put(Op.reopenWritableFile, 'a', path, contents)
  }

  /** The whole file, read from its start until nothing more comes. */
  async read(path: string, op: number = Op.newSequentialFile): Promise<Buffer> {
    const file = await this.openReadable(path, op)
    const parts: Buffer[] = []
    for (let offset = 0; ; ) {
      const part = await file.read(offset, maxTransferBytes)
      if (part.length === 0) break
      parts.push(part)
      offset += part.length
    }
    await file.close()
    return Buffer.concat(parts)
  }

  /** A local or served file; reads as the bridge would. */
  async openReadable(path: string, op: number = Op.newRandomAccessFile) {
    const answer = await this.#path(op, path)
    const kind = answer.u8()
    if (kind === 0) {
      const local = await open(answer.string())
      return {
        read: async (offset: number, length: number) => {
          const { buffer, bytesRead } = await local.read(Buffer.alloc(length), 0, length, offset)
          return buffer.subarray(0, bytesRead)
        },
        close: () => local.close(),
      }
    }
    if (kind !== 2) throw new Error(`${path} is neither local nor served`)
    const handle = answer.u32()
    return {
      read: async (offset: number, length: number) =>
        (await this.request(Op.read, (out) => out.u32(handle).u64(offset).u32(length))).bytes(),
      close: async () => this.notify(Op.close, (out) => out.u32(handle).u64(0)),
    }
  }

  async openWritable(path: string, op: number = Op.newWritableFile, flags = 'w') {
    const answer = await this.#path(op, path)
    if (answer.u8() === 1) {
      const handle = answer.u32()
      return {
        append: (bytes: Uint8Array) => this.request(Op.append, (out) => out.u32(handle).bytes(bytes)),
        sync: () => this.request(Op.sync, (out) => out.u32(handle).u64(0)),
        truncate: (size: number) => this.request(Op.truncate, (out) => out.u32(handle).u64(size)),
        close: async () => void (await this.request(Op.close, (out) => out.u32(handle).u64(0))),
      }
    }
    answer.u32()
    const local = await open(answer.string(), flags)
    return {
      append: (bytes: Uint8Array) => local.appendFile(bytes),
      sync: () => local.sync(),
      truncate: (size: number) => local.truncate(size),
      close: () => local.close(),
    }
  }

  async #put(op: number, flags: string, path: string, contents: string | Uint8Array): Promise<void> {
    const file = await this.openWritable(path, op, flags)
    const bytes = Buffer.from(contents)
    for (let at = 0; at < bytes.length; at += maxTransferBytes)
      await file.append(bytes.subarray(at, at + maxTransferBytes))
    await file.sync()
    await file.close()
  }

  #path(op: number, path: string): Promise<FrameReader> {
    return this.request(op, (out) => out.string(path))
  }

  #answer(id: number): Promise<FrameReader> {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  #receive(frame: FrameReader): void {
    if (frame.op === Op.fenced) this.fenced.push({ directory: frame.string(), message: frame.string() })
    else if (frame.op === Op.evicted) this.evicted.push({ handle: frame.u32(), generation: frame.u32() })
    else {
      const waiting = this.#waiting.get(frame.id)
      this.#waiting.delete(frame.id)
      this.answered.push(frame.id)
      if (frame.op === Op.error) waiting?.reject(new HostError(frame))
      else waiting?.resolve(frame)
    }
    for (const look of [...this.#watchers]) look()
  }
}
