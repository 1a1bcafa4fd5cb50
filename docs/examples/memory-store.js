/** A store in the memory of its process: about the smallest that keeps the contract. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { assertObjectKey, compareKeys, EnvError, PreconditionFailed } from 'rocksdb-cloud-env'

/** Objects by key, for each URL: every client of a URL sees the same ones. */
const places = new Map()

export function openStore(url, _options) {
  if (!places.has(url)) places.set(url, new Map())
  return new MemoryStore(url, places.get(url))
}

class MemoryStore {
  #objects

  constructor(url, objects) {
    this.url = url
    this.#objects = objects
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
    const etag = this.#objects.get(key)?.info.etag
    if (condition && etag !== (condition === 'absent' ? undefined : condition.etag))
      throw new PreconditionFailed(`put ${this.url}/${key}: there is another object, or none`)
    return this.#set(key, content, metadata)
  }

  async *list(prefix, { shallow = false, startAfter = '' } = {}) {
    for (const key of [...this.#objects.keys()].sort(compareKeys)) {
      const isListed = key.startsWith(prefix) && compareKeys(key, startAfter) > 0
      if (!isListed || (shallow && key.includes('/', prefix.length))) continue
      // It may have been deleted since the listing began.
      const object = this.#objects.get(key)
      if (object) yield { ...object.info, metadata: {} }
    }
  }

  async deleteMany(keys) {
    keys.forEach(assertObjectKey)
    for (const key of keys) this.#objects.delete(key)
  }

  async copy(source, target) {
    assertObjectKey(target)
    const { info, body } = this.#find(source)
    return this.#set(target, body, info.metadata)
  }

  async close() {}

  #find(key) {
    assertObjectKey(key)
    const object = this.#objects.get(key)
    if (!object) throw new EnvError('NotFound', `${this.url}/${key}: there is no such object`)
    return object
  }

  #set(key, body, given) {
    const etag = createHash('sha256').update(body).digest('hex')
    const metadata = Object.fromEntries(Object.entries(given).map(inLowerCase))
    const info = { key, size: body.length, etag, lastModified: new Date(), metadata }
    this.#objects.set(key, { info, body })
    return { etag }
  }
}

const inLowerCase = ([name, value]) => [name.toLowerCase(), value]

async function startOf({ file, size }) {
  const content = await readFile(file)
  if (content.length < size) throw new Error(`${file} has fewer than ${size} bytes`)
  return content.subarray(0, size)
}
