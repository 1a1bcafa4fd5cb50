import { createHash } from 'node:crypto'
import { EnvError, unlessNotFound } from '../env/env-error.js'
import { type Random, realSystem } from '../env/system.js'
import { type ObjectInfo, type ObjectKey, type ObjectStore, PreconditionFailed } from './object-store.js'

/** Metadata of every write: its value is unique to the write. */
export const writeMark = 'cloudenv-writer'

export type CasOutcome =
  | { readonly kind: 'written'; readonly etag: string }
  /** Somebody else's version is there, or none. Nothing that this writer sent will replace it. */
  | Lost

export interface Lost {
  readonly kind: 'lost'
  /** The version that is there instead; undefined if there is no object. */
  readonly found: ObjectInfo | undefined
}

/**
 * One object that several writers replace, each on the condition that it replaces the version it knows. Knows
 * nothing of what the object means.
 *
 * No error proves that a write did not take effect. A retrying proxy may deliver a request twice, and the second
 * delivery is answered 412 because of the first; or the answer is lost, and the request arrives after the error. So
 * each write carries its own mark, and a writer that meets an unexpected version looks whose it is. A late delivery is
 * harmless: its condition names a version that has been replaced.
 *
 * One write at a time.
 */
export class CasObject {
  readonly #store: ObjectStore
  readonly #key: ObjectKey
  readonly #random: Random
  #etag: string | undefined
  /** Content digests by mark: of the version that this writer knows, if its own, and of writes without an answer. */
  #own = new Map<string, string>()

  /** @param etag of the version that the first write replaces; undefined if no object is expected. */
  constructor(store: ObjectStore, key: ObjectKey, etag?: string, random: Random = realSystem.random) {
    this.#store = store
    this.#key = key
    this.#etag = etag
    this.#random = random
  }

  /**
   * Replaces the known version.
   * @param metadata user metadata beside {@link writeMark}.
   * @throws EnvError if the store fails. The write may have taken effect, or may yet; the next one finds out.
   */
  async write(body: Uint8Array, metadata: Readonly<Record<string, string>> = {}): Promise<CasOutcome> {
    const mark = this.#random.uuid()
    const content = digest(body)
    for (;;) {
      const etag = await this.#put(body, { ...metadata, [writeMark]: mark }, content)
      if (etag !== undefined) {
        // The version on which older writes depend is gone: none of them can arrive any more.
        this.#own = new Map([[mark, content]])
        this.#etag = etag
        return { kind: 'written', etag }
      }
      const held = await this.#identify(await this.#head())
      if (held.kind === 'lost') return held
      const isProgress = held.etag !== this.#etag
      this.#etag = held.etag
      if (held.mark === mark) {
        this.#own = new Map([[mark, content]])
        return { kind: 'written', etag: held.etag }
      }
      if (!isProgress) {
        throw new EnvError(
          'IOError',
          `${this.#store.url} refuses to replace ${this.#key} although it has the ETag ${held.etag} that was asked for`,
        )
      }
      // An earlier write of ours arrived after all: go on from that version.
    }
  }

  /** Checks whether the store still has the version that this writer knows, or wrote. */
  async check(): Promise<{ readonly kind: 'held'; readonly modified: Date } | Lost> {
    const info = await this.#head()
    if (info !== undefined && info.etag === this.#etag) return { kind: 'held', modified: info.lastModified }
    const held = await this.#identify(info)
    if (held.kind === 'held') this.#etag = held.etag
    return held
  }

  async #head(): Promise<ObjectInfo | undefined> {
    return unlessNotFound(this.#store.head(this.#key))
  }

  /** @returns the ETag; undefined if the condition did not hold. */
  async #put(
    body: Uint8Array,
    metadata: Readonly<Record<string, string>> & { readonly [writeMark]: string },
    content: string,
  ): Promise<string | undefined> {
    const condition = this.#etag === undefined ? 'absent' : { etag: this.#etag }
    try {
      const { etag } = await this.#store.put(this.#key, body, { condition, metadata })
      return etag
    } catch (error) {
      this.#own.set(metadata[writeMark], content)
      if (error instanceof PreconditionFailed) return undefined
      throw error
    }
  }

  /**
   * Finds out whose version is there. The content has to be ours, too: a copy of another version keeps the metadata.
   * And only GET tells a missing object from a missing bucket.
   */
  async #identify(info: ObjectInfo | undefined): Promise<Held | Lost> {
    if (info !== undefined && this.#contentOf(info) === undefined) return { kind: 'lost', found: info }
    const found = await unlessNotFound(this.#store.get(this.#key))
    if (found === undefined) return { kind: 'lost', found: undefined }
    const content = this.#contentOf(found)
    if (content === undefined || content !== digest(found.body)) return { kind: 'lost', found }
    const { etag, lastModified, metadata } = found
    return { kind: 'held', etag, modified: lastModified, mark: metadata[writeMark] ?? '' }
  }

  #contentOf({ metadata }: ObjectInfo): string | undefined {
    return this.#own.get(metadata[writeMark] ?? '')
  }
}

interface Held {
  readonly kind: 'held'
  readonly etag: string
  readonly modified: Date
  readonly mark: string
}

function digest(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('base64')
}
