import type { DatabasePlace } from '../catalog/database-place.js'
import { unknownServer } from '../catalog/sources.js'
import type { StoreOptions } from '../store/registry.js'
import type { Bucket } from './bucket.js'
import type { CloneSource } from './cloud-env-options.js'

/** Opens a bucket by a URL in it. */
export type OpenBucket = (url: string, connection: StoreOptions) => Promise<Bucket>

/** Buckets in which the sources of clones lie: opened when first needed, and the Env's own where it will do. */
export class SourceBuckets {
  readonly #own: Bucket
  readonly #connection: StoreOptions
  readonly #configured: CloneSource | undefined
  readonly #open: OpenBucket
  readonly #opened = new Map<string, Promise<Bucket>>()

  constructor(
    own: Bucket,
    { connection, source }: { readonly connection: StoreOptions; readonly source: CloneSource | undefined },
    open: OpenBucket,
  ) {
    this.#own = own
    this.#connection = connection
    this.#configured = source
    this.#open = open
  }

  /**
   * Place of the database at a URL.
   * @param server of its store, if it is another one than ours: it is reached as the configured source is.
   * @throws EnvError InvalidArgument: nobody said how to reach that server.
   */
  async place(url: string, server?: string): Promise<DatabasePlace> {
    const configured = this.#configured?.connection
    if (server !== undefined && !configured) throw unknownServer(url, server)
    const isElsewhere = configured && (server !== undefined || url === this.#configured?.url)
    const ownUrl = `${this.#own.store.url}/`
    if (!isElsewhere && url.startsWith(ownUrl))
      return { store: this.#own.store, path: normalised(url.slice(ownUrl.length)) }
    const connection = isElsewhere ? configured : this.#connection
    const id = `${server ?? ''} ${url}`
    const opening = this.#opened.get(id) ?? this.#open(url, connection)
    this.#opened.set(id, opening)
    // A failure goes to the caller and is not kept.
    opening.catch(() => this.#opened.delete(id))
    const { store, segments } = await opening
    return { store, path: segments.join('/') }
  }

  /** Ends the calls that nobody waits for any longer. */
  abandon(): void {
    for (const opening of this.#opened.values())
      opening.then(({ store }) => store.abandon(() => true)).catch(() => undefined)
  }

  async close(): Promise<void> {
    for (const opening of this.#opened.values()) {
      const bucket = await opening.catch(() => undefined)
      await bucket?.store.close()
    }
  }
}

/** Path in a bucket, of the path in a URL. */
function normalised(path: string): string {
  const segments = decodeURIComponent(path).split('/')
  return segments.filter((segment) => segment !== '').join('/')
}
