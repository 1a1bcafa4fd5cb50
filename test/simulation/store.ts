// An object store in memory, as far away as S3: requests and answers get lost, come late, and come twice.
import { createHash } from 'node:crypto'
import { EnvError } from '#src/env/env-error.js'
import { parseObjectName } from '#src/format/file-name.js'
import {
  type ByteRange,
  type ListOptions,
  type ObjectInfo,
  type ObjectKey,
  type ObjectStore,
  PreconditionFailed,
  type PutBody,
  type PutOptions,
  type PutResult,
  type RequestOptions,
  type StoredObject,
} from '#src/store/object-store.js'
import type { Machine } from './machine.js'
import { Life, type Scheduler } from './scheduler.js'

export interface StoreFaults {
  /**
   * Probabilities that a request is refused (503), lost, answered in vain, delivered long after its client gave up, or
   * delivered twice.
   */
  readonly refused: number
  readonly lost: number
  readonly answerLost: number
  readonly late: number
  readonly doubled: number
}

export const noFaults: StoreFaults = { refused: 0, lost: 0, answerLost: 0, late: 0, doubled: 0 }

/** Turns of the network that a late delivery takes at most. */
const maxLateTurns = 100
/** No connection holds a request for longer. */
const maxUnderWayMs = 3_600_000

/** A writer's process, as the store's clients know it. */
export interface StoreClient {
  readonly life: Life
  readonly machine: Machine
  /** The bytes of a local file, at once. */
  peek(path: string): Buffer | undefined
}

export class SimulatedStore {
  readonly objects = new Map<ObjectKey, StoredObject>()
  /**
   * Paths at which a request that came twice, or a savepoint, gave a table a later time: states that have it are
   * dated by that.
   */
  readonly redated = new Set<string>()
  readonly #scheduler: Scheduler
  readonly #network = new Life('network')
  readonly #changed: (key: ObjectKey, client: StoreClient) => void
  readonly #trace: (line: string) => void
  faults: StoreFaults = noFaults
  isAway = false

  /** @param changed called after each change. */
  constructor(
    scheduler: Scheduler,
    changed: (key: ObjectKey, client: StoreClient) => void,
    trace: (line: string) => void = () => {},
  ) {
    this.#scheduler = scheduler
    this.#changed = changed
    this.#trace = trace
  }

  client(client: StoreClient): ObjectStore {
    const request = <T>(line: string, perform: () => T, options?: RequestOptions) =>
      this.#request(client, line, perform, options)
    const store = this
    return {
      url: 's3://simulated',
      get: (key, range, options) => request(`get ${key}`, () => this.#get(key, range), options),
      head: (key, options) =>
        request(
          `head ${key}`,
          () => {
            const { body: _, ...info } = this.#get(key)
            return info
          },
          options,
        ),
      put: async (key, body, options) => {
        const bytes = bytesOf(body, client)
        return request(
          `put ${key}${conditionOf(options)}`,
          () => this.#put(key, bytes, options, client),
          options,
        )
      },
      async *list(prefix: string, options: ListOptions = {}) {
        yield* await request(`list ${prefix}`, () => store.#list(prefix, options), options)
      },
      deleteMany: (keys, options) =>
        request(
          `delete ${[...keys].sort().join(' ')}`,
          () => {
            for (const key of keys) {
              this.objects.delete(key)
              this.#changed(key, client)
            }
          },
          options,
        ),
      copy: (source, target, options) =>
        request(
          `copy ${source} → ${target}`,
          () => {
            this.redated.add(pathOf(target))
            return this.#put(target, this.#get(source).body, undefined, client)
          },
          options,
        ),
      close: async () => {},
    }
  }

  async #request<T>(
    { life }: StoreClient,
    line: string,
    perform: () => T,
    options?: RequestOptions,
  ): Promise<T> {
    const { random } = this.#scheduler
    await this.#scheduler.turn(life)
    options?.signal?.throwIfAborted()
    if (this.isAway || random.chance(this.faults.refused)) throw unreachable(`${line}: 503`)
    if (random.chance(this.faults.lost)) {
      await this.#scheduler.turn(life)
      throw unreachable(`${line}: no answer`)
    }
    const sentMs = this.#scheduler.nowMs
    const deliver = async (turns = 0): Promise<{ readonly value: T } | { readonly error: unknown }> => {
      for (let left = turns; left >= 0 || random.chance(0.3); left--)
        await this.#scheduler.turn(this.#network)
      if (this.#scheduler.nowMs - sentMs > maxUnderWayMs) return { error: unreachable(`${line}: broken off`) }
      try {
        const value = perform()
        this.#trace(line)
        return { value }
      } catch (error) {
        this.#trace(`${line} (fails)`)
        return { error }
      }
    }
    if (random.chance(this.faults.late)) {
      void deliver(random.below(maxLateTurns))
      await this.#scheduler.turn(life)
      throw unreachable(`${line}: no answer in time`)
    }
    let answer = deliver()
    // Whichever delivery comes second answers, or nobody hears of it.
    if (random.chance(this.faults.doubled)) {
      const second = deliver()
      if (random.chance(0.5)) answer = answer.then(() => second)
    }
    const outcome = await Promise.race([answer, aborted(options?.signal)])
    await this.#scheduler.turn(life)
    if (outcome === undefined || random.chance(this.faults.answerLost))
      throw unreachable(`${line}: no answer`)
    if ('error' in outcome) throw outcome.error
    return outcome.value
  }

  #get(key: ObjectKey, range?: ByteRange): StoredObject {
    const object = this.objects.get(key)
    if (!object) throw new EnvError('NotFound', `no ${key}`)
    if (!range) return object
    return { ...object, body: object.body.subarray(range.offset, range.offset + range.length) }
  }

  #put(key: ObjectKey, body: Uint8Array, options: PutOptions | undefined, client: StoreClient): PutResult {
    const known = this.objects.get(key)
    const { condition, metadata = {} } = options ?? {}
    const isWrong = condition === 'absent' ? known !== undefined : condition && known?.etag !== condition.etag
    if (isWrong) throw new PreconditionFailed(`${key} is another one`)
    if (known && parseObjectName(key.slice(pathOf(key).length + 1))?.kind === 'table')
      this.redated.add(pathOf(key))
    const etag = createHash('md5').update(body).digest('hex')
    const lastModified = new Date(this.#scheduler.nowMs)
    this.objects.set(key, { key, size: body.length, etag, lastModified, metadata, body })
    this.#changed(key, client)
    return { etag }
  }

  #list(prefix: string, { shallow = false, startAfter = '' }: ListOptions): ObjectInfo[] {
    return [...this.objects.values()]
      .filter(({ key }) => key.startsWith(prefix) && key > startAfter)
      .filter(({ key }) => !shallow || !key.includes('/', prefix.length))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .map(({ body: _, ...info }) => ({ ...info, metadata: {} }))
  }
}

function pathOf(key: ObjectKey): string {
  return key.slice(0, key.indexOf('/'))
}

function bytesOf(body: PutBody, client: StoreClient): Uint8Array {
  if (body instanceof Uint8Array) return Buffer.from(body)
  const bytes = client.peek(body.file)
  if (!bytes) throw new EnvError('NotFound', `${body.file} is gone`)
  return Buffer.from(bytes.subarray(0, body.size))
}

function conditionOf(options: PutOptions | undefined): string {
  if (!options?.condition) return ''
  return options.condition === 'absent' ? ' if absent' : ' if unchanged'
}

function unreachable(message: string): EnvError {
  return new EnvError('IOError', message, { retryable: true })
}

function aborted(signal: AbortSignal | undefined): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal?.aborted) resolve(undefined)
    else signal?.addEventListener('abort', () => resolve(undefined), { once: true })
  })
}
