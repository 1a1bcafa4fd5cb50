import type {
  Env,
  LocalCopy,
  LocalWritableFile,
  ReadableFile,
  ServedReadableFile,
  ServedWritableFile,
  SparseFile,
  WritableFile,
} from '../env/env.js'
import { EnvError, toEnvError } from '../env/env-error.js'
import type { FrameWriter } from './wire.js'

/** Writes the payload of a RESULT. */
export type Answer = (out: FrameWriter) => void

/** The host, as the session of one client needs it. */
export interface SessionHost {
  readonly env: Env
  /** Rejects, naming the holder, if a session holds the lock already. */
  lock(path: string, who: string): Promise<void>
  /** Frees the lock, even if this rejects. */
  unlock(path: string): Promise<void>
}

interface HeldSparseFile {
  readonly kind: 'sparse'
  readonly path: string
  readonly file: SparseFile
  /** Copies, by generation, that the client knows of and has not released. */
  readonly copies: Map<number, LocalCopy>
}

type Held =
  | HeldSparseFile
  | { readonly kind: 'readable'; readonly path: string; readonly file: ServedReadableFile }
  | { readonly kind: 'writable'; readonly path: string; readonly file: ServedWritableFile }
  | { readonly kind: 'local'; readonly path: string; readonly file: LocalWritableFile }

/** Resources of one client: open files by handle, and locks. */
export class Session {
  readonly host: SessionHost
  /** The program and its pid, as the client named itself. */
  readonly who: string
  readonly #evicted: (handle: number, generation: number) => void
  readonly #held = new Map<number, Held>()
  readonly #locks = new Set<string>()
  #lastHandle = 0

  constructor(host: SessionHost, who: string, evicted: (handle: number, generation: number) => void) {
    this.host = host
    this.who = who
    this.#evicted = evicted
  }

  get env(): Env {
    return this.host.env
  }

  openedReadable(path: string, file: ReadableFile): Answer {
    switch (file.kind) {
      case 'local':
        return (out) => out.u8(0).string(file.path)
      case 'sparse':
        return this.#openedSparse(path, file)
      case 'served': {
        const handle = this.#hold({ kind: 'readable', path, file })
        return (out) => out.u8(2).u32(handle)
      }
    }
  }

  openedWritable(path: string, file: WritableFile): Answer {
    if (file.kind === 'served') {
      const handle = this.#hold({ kind: 'writable', path, file })
      return (out) => out.u8(1).u32(handle)
    }
    const wantsSync = file.synced !== undefined
    // CLOSE frees a handle, so a client that got one has to send it.
    const wantsClose = wantsSync || file.sealed !== undefined
    const handle = wantsClose ? this.#hold({ kind: 'local', path, file }) : 0
    return (out) => out.u8(0).u32(handle).string(file.path).bool(wantsSync).bool(wantsClose)
  }

  async read(handle: number, offset: number, length: number): Promise<Answer> {
    const bytes = await this.#get(handle, 'readable').file.read(offset, length)
    return (out) => out.bytes(atMost(length, bytes))
  }

  async ensure(handle: number, offset: number, length: number): Promise<Answer> {
    const { file, copies } = this.#get(handle, 'sparse')
    const start = Math.min(offset, file.size)
    const end = Math.min(offset + length, file.size)
    const found = await file.ensure(start, end - start)
    if (found instanceof Uint8Array) return (out) => out.u8(1).bytes(atMost(length, found))
    copies.set(found.generation, found)
    return (out) => {
      out.u8(0)
      writeCopy(out, found)
    }
  }

  async append(handle: number, bytes: Uint8Array): Promise<void> {
    await this.#get(handle, 'writable').file.append(bytes)
  }

  async sync(handle: number, size: number): Promise<void> {
    const held = this.#get(handle, 'local', 'writable')
    if (held.kind === 'local') await held.file.synced?.(size)
    else await held.file.sync()
  }

  async truncate(handle: number, size: number): Promise<void> {
    await this.#get(handle, 'writable').file.truncate(size)
  }

  /** Closes a file that the client is done with; a file that it wrote locally is complete now. */
  async close(handle: number, size: number): Promise<void> {
    const held = this.#held.get(handle)
    if (held === undefined) return
    this.#held.delete(handle)
    try {
      if (held.kind === 'local') await held.file.sealed?.(size)
      else await closeHeld(held)
    } catch (error) {
      throw toEnvError(error, `close ${held.path}`)
    }
  }

  released(handle: number, generation: number): void {
    const held = this.#held.get(handle)
    const copy = held?.kind === 'sparse' ? held.copies.get(generation) : undefined
    if (held?.kind !== 'sparse' || copy === undefined) return
    held.copies.delete(generation)
    held.file.released(copy)
  }

  async lock(path: string): Promise<void> {
    await this.host.lock(path, this.who)
    this.#locks.add(path)
  }

  async unlock(path: string): Promise<void> {
    if (!this.#locks.has(path))
      throw new EnvError('InvalidArgument', `unlock ${path}: ${this.who} does not hold this lock`)
    this.#locks.delete(path)
    await this.host.unlock(path)
  }

  /** Name of the handle's file in messages. */
  pathOf(handle: number): string {
    return this.#held.get(handle)?.path ?? `handle ${handle}`
  }

  /**
   * The client is gone: closes its files. Does not seal a local file that it was writing, as it is not complete.
   */
  async closeFiles(): Promise<void> {
    const held = [...this.#held.values()]
    this.#held.clear()
    await Promise.allSettled(held.map(closeHeld))
  }

  /** Releases its locks, once none of its requests runs any more. */
  async releaseLocks(): Promise<void> {
    const locks = [...this.#locks]
    this.#locks.clear()
    await Promise.allSettled(locks.map((path) => this.host.unlock(path)))
  }

  #openedSparse(path: string, file: SparseFile): Answer {
    const copies = new Map<number, LocalCopy>()
    const handle = this.#hold({ kind: 'sparse', path, file, copies })
    file.onEvicted = (copy) => {
      if (copies.has(copy.generation)) this.#evicted(handle, copy.generation)
      else file.released(copy)
    }
    const copy = file.location()
    if (copy !== undefined) copies.set(copy.generation, copy)
    return (out) => {
      out
        .u8(1)
        .u32(handle)
        .u64(file.size)
        .bool(copy !== undefined)
      if (copy !== undefined) writeCopy(out, copy)
    }
  }

  #hold(held: Held): number {
    do this.#lastHandle = (this.#lastHandle + 1) >>> 0 || 1
    while (this.#held.has(this.#lastHandle))
    this.#held.set(this.#lastHandle, held)
    return this.#lastHandle
  }

  #get<K extends Held['kind']>(handle: number, ...kinds: K[]): Extract<Held, { kind: K }> {
    const held = this.#held.get(handle)
    if (held === undefined)
      throw new EnvError('InvalidArgument', `handle ${handle} of ${this.who} is not open`)
    if (!kinds.some((kind) => kind === held.kind))
      throw new EnvError('InvalidArgument', `${held.path} is not a file that this can be asked of`)
    return held as Extract<Held, { kind: K }>
  }
}

async function closeHeld(held: Held): Promise<void> {
  if (held.kind === 'local') return
  if (held.kind === 'sparse') {
    held.file.onEvicted = undefined
    for (const copy of held.copies.values()) held.file.released(copy)
  }
  await held.file.close()
}

function writeCopy(out: FrameWriter, copy: LocalCopy): void {
  out
    .u32(copy.generation)
    .string(copy.path)
    .bool(copy.chunkMapPath !== undefined)
  if (copy.chunkMapPath !== undefined) out.string(copy.chunkMapPath)
}

/** The client has room for the bytes that it asked for, and no more. */
function atMost(length: number, bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength > length)
    throw new EnvError('IOError', `the Env answered ${bytes.byteLength} bytes to a read of ${length}`)
  return bytes
}
