import { EnvError, toEnvError } from '../env/env-error.js'
import { describe, describeKind } from '../options/describe.js'
import { isRecord } from '../options/shape.js'
import { compareKeys } from './object-key.js'
import type {
  ByteRange,
  ListOptions,
  ObjectInfo,
  ObjectKey,
  ObjectStore,
  PutBody,
  PutOptions,
  PutResult,
  RequestOptions,
  StoredObject,
} from './object-store.js'
import { type RequestLimits, withinTime } from './request-deadline.js'
import type { UnfinishedUploads } from './unfinished-uploads.js'

type Field = keyof StoredObject

const fields: Readonly<Record<Field, { readonly is: (value: unknown) => boolean; readonly what: string }>> = {
  key: { is: isText, what: 'a text' },
  size: { is: (value) => Number.isSafeInteger(value) && Number(value) >= 0, what: 'a number of bytes' },
  etag: { is: isText, what: 'a text' },
  lastModified: { is: (value) => value instanceof Date && !Number.isNaN(value.getTime()), what: 'a date' },
  metadata: { is: isRecord, what: 'an object' },
  body: { is: (value) => value instanceof Uint8Array, what: 'bytes' },
}

const ofEveryObject = ['size', 'etag', 'lastModified'] as const
const ofObjectAskedFor = [...ofEveryObject, 'metadata'] as const

/**
 * A store of somebody's own, with a check of every answer. A wrong one would count as damage of the database, or as
 * another owner, far from where it came from. The contract in `rocksdb-cloud-env/testing` finds the rest.
 * @throws EnvError NotSupported
 */
export class CheckedStore implements ObjectStore {
  readonly url: string
  readonly unfinishedUploads?: UnfinishedUploads
  readonly #store: ObjectStore
  readonly #limits: RequestLimits

  constructor(store: ObjectStore, limits: RequestLimits) {
    this.url = store.url
    this.#store = store
    this.#limits = limits
    if (store.unfinishedUploads) this.unfinishedUploads = store.unfinishedUploads
  }

  async get(key: ObjectKey, range?: ByteRange, options?: RequestOptions): Promise<StoredObject> {
    const answer = await this.#store.get(key, range, options)
    return this.#checked(answer, [...ofObjectAskedFor, 'body'], `get ${this.url}/${key}`)
  }

  async head(key: ObjectKey, options?: RequestOptions): Promise<ObjectInfo> {
    return this.#checked(await this.#store.head(key, options), ofObjectAskedFor, `head ${this.url}/${key}`)
  }

  async put(key: ObjectKey, body: PutBody, options?: PutOptions): Promise<PutResult> {
    return this.#checked(await this.#store.put(key, body, options), ['etag'], `put ${this.url}/${key}`)
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    const call = `list ${this.url}/${prefix}`
    let last = options.startAfter
    for await (const object of this.#store.list(prefix, options)) {
      const { key } = this.#checked(object, ['key', ...ofEveryObject], call)
      if (!key.startsWith(prefix)) throw wrongAnswer(call, 'keys that begin so', describe(key))
      if (last !== undefined && compareKeys(key, last) <= 0)
        throw wrongAnswer(
          call,
          'keys in the order of their bytes',
          `${describe(key)} after ${describe(last)}`,
        )
      if (options.shallow && key.includes('/', prefix.length))
        throw wrongAnswer(call, 'no key with a slash after that, as "shallow" asks', describe(key))
      last = key
      yield object
    }
  }

  deleteMany(keys: readonly ObjectKey[], options?: RequestOptions): Promise<void> {
    return this.#store.deleteMany(keys, options)
  }

  async copy(source: ObjectKey, target: ObjectKey, options?: RequestOptions): Promise<PutResult> {
    const call = `copy ${this.url}/${source} to ${target}`
    return this.#checked(await this.#store.copy(source, target, options), ['etag'], call)
  }

  async close(): Promise<void> {
    try {
      await withinTime(this.#limits, async () => this.#store.close())
    } catch (error) {
      throw toEnvError(error, `can't close ${this.url}`)
    }
  }

  #checked<Answer>(answer: Answer, wanted: readonly Field[], call: string): Answer {
    if (!isRecord(answer)) throw wrongAnswer(call, 'an object', describeKind(answer))
    for (const name of wanted) {
      const { is, what } = fields[name]
      if (!is(answer[name])) throw wrongAnswer(call, `${what} as "${name}"`, describeKind(answer[name]))
    }
    return answer
  }
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}

function wrongAnswer(call: string, expected: string, got: string): EnvError {
  return new EnvError(
    'NotSupported',
    `${call}: expected ${expected} in the answer of the store, got ${got}. Mend the module that opens it; the contract ` +
      'in "rocksdb-cloud-env/testing" finds such faults',
  )
}
