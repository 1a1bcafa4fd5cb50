import type { Answer, Session } from './session.js'
import { type FrameReader, maxTransferBytes, Op, ProtocolError } from './wire.js'

type Field = string | number | Uint8Array

/** One kind of request: how to read its payload, and how to begin it. */
export interface Request<Fields extends readonly Field[] = readonly Field[]> {
  readonly name: string
  /** Throws a ProtocolError if the payload does not match the op. */
  read(input: FrameReader): Fields
  /** Calls the Env before it returns, so that requests begin in the order in which they arrive. */
  begin(session: Session, ...fields: Fields): Promise<Answer> | Promise<void>
}

/** Answer of an Env that holds nothing. */
const notRefetched = { isOther: false, advice: '' }

const nameOfOp = new Map(Object.entries(Op).map(([name, op]) => [op as number, name]))

/** Requests by op. */
export const requests: ReadonlyMap<number, Request> = new Map([
  request(Op.newSequentialFile, path, async (s, path) =>
    s.openedReadable(path, await s.env.newSequentialFile(path)),
  ),
  request(Op.newRandomAccessFile, path, async (s, path) =>
    s.openedReadable(path, await s.env.newRandomAccessFile(path)),
  ),
  request(Op.newWritableFile, path, async (s, path) =>
    s.openedWritable(path, await s.env.newWritableFile(path)),
  ),
  request(Op.reopenWritableFile, path, async (s, path) =>
    s.openedWritable(path, await s.env.reopenWritableFile(path)),
  ),
  request(Op.read, handleOffsetLength32, (s, handle, offset, length) => s.read(handle, offset, length)),
  request(Op.ensure, handleOffsetLength64, (s, handle, offset, length) => s.ensure(handle, offset, length)),
  request(Op.append, handleAndBytes, (s, handle, bytes) => s.append(handle, bytes)),
  request(Op.sync, handleAndSize, (s, handle, size) => s.sync(handle, size)),
  request(Op.truncate, handleAndSize, (s, handle, size) => s.truncate(handle, size)),
  request(Op.close, handleAndSize, (s, handle, size) => s.close(handle, size)),
  request(Op.released, handleAndGeneration, async (s, handle, generation) => s.released(handle, generation)),
  request(Op.fsyncDirectory, path, async (s, path) => {
    const { localPath } = await s.env.fsyncDirectory(path)
    return (out) => out.bool(localPath !== undefined).string(localPath ?? '')
  }),
  request(Op.fileExists, path, (s, path) => s.env.fileExists(path)),
  request(Op.getChildren, path, async (s, path) => {
    const names = await s.env.getChildren(path)
    return (out) => out.list(names, (name) => out.string(name))
  }),
  request(Op.getChildrenFileAttributes, path, async (s, path) => {
    const files = await s.env.getChildrenFileAttributes(path)
    return (out) => out.list(files, ({ name, size }) => out.string(name).u64(size))
  }),
  request(Op.deleteFile, path, (s, path) => s.env.deleteFile(path)),
  request(Op.createDirIfMissing, path, (s, path) => s.env.createDirIfMissing(path)),
  request(Op.deleteDir, path, (s, path) => s.env.deleteDir(path)),
  request(Op.getFileSize, path, async (s, path) => u64(await s.env.getFileSize(path))),
  request(Op.getFileModificationTime, path, async (s, path) =>
    u64(await s.env.getFileModificationTime(path)),
  ),
  request(Op.renameFile, twoPaths, (s, source, target) => s.env.renameFile(source, target)),
  request(Op.linkFile, twoPaths, (s, source, target) => s.env.linkFile(source, target)),
  request(Op.lockFile, path, (s, path) => s.lock(path)),
  request(Op.unlockFile, path, (s, path) => s.unlock(path)),
  request(Op.isDirectory, path, async (s, path) => {
    const is = await s.env.isDirectory(path)
    return (out) => out.bool(is)
  }),
  request(Op.getFreeSpace, path, async (s, path) => u64(await s.env.getFreeSpace(path))),
  request(Op.makeRoom, pathAndBytes, async (s, path, bytes) => {
    const isFreed = (await s.env.makeRoom?.(path, bytes)) ?? false
    return (out) => out.bool(isFreed)
  }),
  request(Op.refetch, pathOffsetLengthAge, async (s, path, offset, length, ageMs) => {
    const { isOther, advice } = (await s.env.refetch?.(path, offset, length, ageMs)) ?? notRefetched
    return (out) => out.bool(isOther).string(advice)
  }),
])

/** Description of a request for a message: `renameFile /a/b /a/c`, `read /a/b 0 4096`. */
export function describe(session: Session, { name }: Request, fields: readonly Field[]): string {
  const [first, ...others] = fields
  const subject = typeof first === 'number' ? session.pathOf(first) : first
  return [name, subject, ...others.filter((field) => !(field instanceof Uint8Array))].join(' ')
}

function request<const Fields extends readonly Field[]>(
  op: number,
  read: (input: FrameReader) => Fields,
  begin: (session: Session, ...fields: Fields) => Promise<Answer> | Promise<void>,
): [number, Request] {
  const whole = (input: FrameReader): Fields => {
    const fields = read(input)
    input.end()
    return fields
  }
  return [op, { name: nameOfOp.get(op)!, read: whole, begin: begin as Request['begin'] }]
}

function u64(value: number): Answer {
  return (out) => out.u64(value)
}

function path(input: FrameReader): [path: string] {
  return [input.string()]
}

function twoPaths(input: FrameReader): [source: string, target: string] {
  return [input.string(), input.string()]
}

function pathAndBytes(input: FrameReader): [path: string, bytes: number] {
  return [input.string(), input.u64()]
}

function pathOffsetLengthAge(
  input: FrameReader,
): [path: string, offset: number, length: number, ageMs: number] {
  return [input.string(), input.u64(), input.u64(), input.u32()]
}

function handleOffsetLength32(input: FrameReader): [handle: number, offset: number, length: number] {
  return [input.u32(), input.u64(), transfer(input.u32())]
}

function handleOffsetLength64(input: FrameReader): [handle: number, offset: number, length: number] {
  return [input.u32(), input.u64(), input.u64()]
}

function handleAndBytes(input: FrameReader): [handle: number, bytes: Uint8Array] {
  const handle = input.u32()
  const bytes = input.bytes()
  transfer(bytes.length)
  return [handle, bytes]
}

function handleAndSize(input: FrameReader): [handle: number, size: number] {
  return [input.u32(), input.u64()]
}

function handleAndGeneration(input: FrameReader): [handle: number, generation: number] {
  return [input.u32(), input.u32()]
}

function transfer(bytes: number): number {
  if (bytes > maxTransferBytes)
    throw new ProtocolError(`a transfer of ${bytes} bytes, expected at most ${maxTransferBytes}`)
  return bytes
}
