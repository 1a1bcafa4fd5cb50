/** A store in the memory of its process: about the smallest that keeps the contract. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { assertObjectKey, compareKeys, EnvError, PreconditionFailed } from 'rocksdb-cloud-env'

/** Objects by their whole names, for each host of a URL. Every client in this thread sees the same ones. */
const buckets = new Map()

export function openStore(url, options) {
  const [unknown] = Object.keys(options)
  if (unknown !== undefined)
    throw new EnvError('InvalidArgument', `a memory store has no option "${unknown}"`)
  const { host, pathname } = new URL(url)
  if (!buckets.has(host)) buckets.set(host, new Map())
  return new MemoryStore(url, buckets.get(host), decodeURIComponent(pathname))
}

class MemoryStore {
  #objects
  #prefix

  /** @param path of the URL: what is at `bucket/a` under the key `b/c` is at `bucket/a/b` under `c`. */
  constructor(url, objects, path) {
    this.url = url
    this.#objects = objects
    this.#prefix = `${path}/`
  }

  async get(key, range) {
    const { info, body } = this.#find(key)
    const { offset, length } = range ?? { offset: 0, length: body.length }
    return { ...info, body: body.subarray(offset, offset + length) }
  }

  async head(key) {
    return this.#find(key).info
  }

  async put(key, body, { condition, metadata = {}, signal } = {}) {
    assertObjectKey(key)
    const content = body instanceof Uint8Array ? Buffer.from(body) : await startOf(body)
    signal?.throwIfAborted()
    // No await from here on, so that no other write comes between.
    const etag = this.#objects.get(this.#prefix + key)?.info.etag
    if (condition && etag !== (condition === 'absent' ? undefined : condition.etag))
      throw new PreconditionFailed(`put ${this.url}/${key}: there is another object, or none`)
    return this.#set(key, content, metadata)
  }

  async *list(prefix, { shallow = false, startAfter = '' } = {}) {
    const here = [...this.#objects.keys()].filter((name) => name.startsWith(this.#prefix + prefix))
    for (const key of here.map((name) => name.slice(this.#prefix.length)).sort(compareKeys)) {
      if (compareKeys(key, startAfter) <= 0 || (shallow && key.includes('/', prefix.length))) continue
      // It may have been deleted since the listing began.
      const object = this.#objects.get(this.#prefix + key)
      if (object) yield { ...object.info, key, metadata: {} }
    }
  }

  async deleteMany(keys) {
    keys.forEach(assertObjectKey)
    for (const key of keys) this.#objects.delete(this.#prefix + key)
  }

  async copy(source, target) {
    assertObjectKey(target)
    const { info, body } = this.#find(source)
    return this.#set(target, body, info.metadata)
  }

  async close() {}

  #find(key) {
    assertObjectKey(key)
    const object = this.#objects.get(this.#prefix + key)
    if (!object) throw new EnvError('NotFound', `${this.url}/${key}: there is no such object`)
    return { ...object, info: { ...object.info, key } }
  }

  #set(key, body, given) {
    const etag = createHash('sha256').update(body).digest('hex')
    const metadata = Object.fromEntries(Object.entries(given).map(inLowerCase))
    const info = { size: body.length, etag, lastModified: new Date(), metadata }
    this.#objects.set(this.#prefix + key, { info, body })
    return { etag }
  }
}

const inLowerCase = ([name, value]) => [name.toLowerCase(), value]

async function startOf({ file, size }) {
  const content = await readFile(file)
  if (content.length < size) throw new Error(`${file} has fewer than ${size} bytes`)
  return content.subarray(0, size)
}
