/**
 * The invariants of docs/bucket-format.md, on whatever a test leaves in a store. They hold at every moment, a crash
 * included: a MANIFEST that a CLOUDMANIFEST leads to never names a missing object. One listing, and the small objects.
 */
import { type DatabasePlace, objectKey } from '#src/catalog/database-place.js'
import { type Manifest, readManifest } from '#src/catalog/manifest.js'
import { decodePin, readPin } from '#src/catalog/pin.js'
import { isInRegistry, registryKey } from '#src/catalog/registry.js'
import { type RecordedSource, recordedSources } from '#src/catalog/sources.js'
import { unlessNotFound } from '#src/env/env-error.js'
import { blobFileSize } from '#src/format/blob-file-size.js'
import {
  type CloudManifest,
  decodeCloudManifest,
  encodeCloudManifest,
  manifestObjectName,
} from '#src/format/cloud-manifest.js'
import { epochOf, isDestroyed } from '#src/format/epoch.js'
import { type ObjectName, objectName, parseFileName, parseObjectName } from '#src/format/file-name.js'
import type { ObjectStore, StoredObject } from '#src/store/object-store.js'

export interface FormatFault {
  /** URLs of the objects that contradict the format, or each other. */
  readonly objects: readonly string[]
  readonly message: string
}

export interface CheckedBucket {
  /** The whole bucket, with the registry at its root. A store in a directory may have registries further below. */
  readonly store: ObjectStore
  /** Keys to check: those with this prefix, empty or with `/` at its end. */
  readonly prefix: string
  /** Opens the place of a source by its recorded URL; undefined: it can't be looked at. Default: no clones. */
  readonly openSource?: (url: string) => Promise<DatabasePlace | undefined>
}

/** @throws Error with every fault. */
export async function assertFormat(bucket: CheckedBucket): Promise<void> {
  const faults = await formatFaults(bucket)
  if (faults.length > 0) throw new Error(describeFaults(faults))
}

export function describeFaults(faults: readonly FormatFault[]): string {
  const lines = faults.map(({ objects, message }) => `${message} (${objects.join(', ')})`)
  return `docs/bucket-format.md is violated:\n${lines.join('\n')}`
}

export async function formatFaults({ store, prefix, openSource }: CheckedBucket): Promise<FormatFault[]> {
  const sizes = new Map<string, number>()
  for await (const { key, size } of store.list(prefix)) sizes.set(key, size)
  const check = new FormatCheck(store, sizes, openSource)
  check.names()
  for (const [path, names] of databasesAmong(sizes.keys())) await check.database(path, names)
  return check.faults
}

/** Names directly at each path with a CLOUDMANIFEST. */
function databasesAmong(keys: Iterable<string>): Map<string, readonly string[]> {
  const byPath = new Map<string, string[]>()
  for (const key of keys) {
    const slash = key.lastIndexOf('/')
    const path = key.slice(0, Math.max(slash, 0))
    byPath.set(path, [...(byPath.get(path) ?? []), key.slice(slash + 1)])
  }
  const isDatabase = (names: readonly string[]) =>
    names.some((name) => parseObjectName(name)?.kind === 'cloudManifest')
  return new Map([...byPath].filter(([, names]) => isDatabase(names)))
}

interface Source {
  readonly place: DatabasePlace
  /** Names of the objects that its pin protects for the clone; undefined if there is none. */
  readonly pinned: ReadonlySet<string> | undefined
}

/** Files that never leave the machine. */
const localKinds: readonly string[] = ['current', 'options', 'infoLog', 'lock', 'wal', 'temp', 'trash']

/** Groups of hexadecimal digits, with what a clone of rocksdb-cloud puts between two ids. */
const identityPattern = /^[0-9a-f]+(-[0-9a-f]+)+(\s*rockset[0-9a-f]+(-[0-9a-f]+)+)*$/i

class FormatCheck {
  readonly faults: FormatFault[] = []
  readonly #store: ObjectStore
  readonly #sizes: ReadonlyMap<string, number>
  readonly #openSource: CheckedBucket['openSource']
  /** Paths of databases with a state that is not being destroyed. */
  readonly #alive = new Set<string>()
  /** Several cookies may lead to one MANIFEST. */
  readonly #manifests = new Map<string, Promise<Manifest | undefined>>()

  constructor(
    store: ObjectStore,
    sizes: ReadonlyMap<string, number>,
    openSource: CheckedBucket['openSource'],
  ) {
    this.#store = store
    this.#sizes = sizes
    this.#openSource = openSource
  }

  names(): void {
    for (const key of this.#sizes.keys()) {
      if (isInRegistry(key) || key.includes('/.rockset/')) continue
      const name = key.slice(key.lastIndexOf('/') + 1)
      if (localKinds.includes(parseFileName(name).kind)) this.#fault([key], `${name} is a local file`)
    }
  }

  async database(path: string, names: readonly string[]): Promise<void> {
    const place = { store: this.#store, path }
    for (const name of names) {
      const parsed = parseObjectName(name)
      const key = objectKey(place, name)
      if (parsed) await this.#object(key, parsed)
      // A killed creation leaves its probe.
      else if (!name.startsWith('.cloudenv-probe-')) this.#fault([key], `${name} is no name of an object`)
    }
    const states = names.map(parseObjectName).filter((parsed) => parsed?.kind === 'cloudManifest')
    for (const { cookie } of states) await this.#state(place, cookie)
    if (names.includes('IDENTITY')) await this.#identity(place)
  }

  /** An object on its own. */
  async #object(key: string, parsed: ObjectName): Promise<void> {
    if (objectName(parsed) !== key.slice(key.lastIndexOf('/') + 1)) this.#fault([key], 'it has a second name')
    switch (parsed.kind) {
      case 'history':
        await this.#decode([key], async () => readManifest(await this.#body(key), { name: key }))
        break
      case 'pin':
        await this.#decode([key], async () => {
          for (const name of decodePin(await this.#body(key), key).objects) {
            const pinned = parseObjectName(name)
            if (!pinned || !('epoch' in pinned)) throw new Error(`${name} is nothing to pin`)
          }
        })
        break
      case 'incoming':
        await this.#decode([key], async () => JSON.parse(Buffer.from(await this.#body(key)).toString()))
    }
  }

  /** A CLOUDMANIFEST, its MANIFEST, and every file that it names. */
  async #state(place: DatabasePlace, cookie: string): Promise<void> {
    const rootKey = objectKey(place, objectName({ kind: 'cloudManifest', cookie }))
    const root = await unlessNotFound(this.#store.get(rootKey))
    if (!root) return
    const cloudManifest = await this.#decode([rootKey], () => decodeCloudManifest(root.body, rootKey))
    if (!cloudManifest) return
    this.#cloudManifest(rootKey, root, cloudManifest)
    if (isDestroyed(cloudManifest)) return
    this.#alive.add(place.path)

    const manifestKey = objectKey(place, manifestObjectName(cloudManifest))
    const keys = [rootKey, manifestKey]
    if (!this.#sizes.has(manifestKey)) return this.#fault(keys, 'the CLOUDMANIFEST leads to no MANIFEST')
    const decoding =
      this.#manifests.get(manifestKey) ??
      this.#decode(keys, async () => readManifest(await this.#body(manifestKey), { name: manifestKey }))
    this.#manifests.set(manifestKey, decoding)
    const manifest = await decoding
    if (!manifest) return
    this.#numbers(keys, cloudManifest, manifest)
    await this.#files(place, keys, { root, cloudManifest, manifest })
  }

  #cloudManifest(key: string, { body }: StoredObject, cloudManifest: CloudManifest): void {
    const { past, current } = cloudManifest
    if (!Buffer.from(encodeCloudManifest(cloudManifest)).equals(body))
      this.#fault([key], 'it is encoded in another way')
    if (new Set([...past.map(({ epoch }) => epoch), current]).size <= past.length)
      this.#fault([key], 'an epoch is there twice')
    if (/^[0-9]+$/.test(current)) this.#fault([key], `the current epoch, ${current}, is all-decimal`)
  }

  #numbers(keys: readonly string[], { past }: CloudManifest, manifest: Manifest): void {
    const next = manifest.lastNextFileNumber
    const lastEnd = past.at(-1)?.end ?? 0
    if (lastEnd > next)
      this.#fault(keys, `a past epoch ends at ${lastEnd}, after the next file number ${next}`)
    for (const number of [...manifest.liveTables.keys(), ...manifest.liveBlobFiles.keys()])
      if (number >= next) this.#fault(keys, `file ${number} is not below the next file number ${next}`)
  }

  async #files(
    place: DatabasePlace,
    keys: readonly string[],
    state: {
      readonly root: StoredObject
      readonly cloudManifest: CloudManifest
      readonly manifest: Manifest
    },
  ): Promise<void> {
    const { root, cloudManifest, manifest } = state
    const files = [
      ...[...manifest.liveTables.values()].map(
        ({ number, size }) => ({ kind: 'table', number, size }) as const,
      ),
      ...[...manifest.liveBlobFiles.values()].map(
        (file) => ({ kind: 'blob', number: file.number, size: blobFileSize(file) }) as const,
      ),
    ]
    const sources: (Source | undefined)[] = []
    for (const { kind, number, size } of files) {
      const name = objectName({ kind, number, epoch: epochOf(cloudManifest, number) })
      const key = objectKey(place, name)
      let found = this.#sizes.get(key)
      const elsewhere: string[] = []
      for (const [index, recorded] of found === undefined ? recordedSources(root).entries() : []) {
        sources[index] ??= await this.#source(recorded)
        const source = sources[index]
        elsewhere.push(`${recorded.url}/${name}`)
        if (!source || found !== undefined) continue
        found = (await unlessNotFound(source.place.store.head(objectKey(source.place, name))))?.size
        if (found !== undefined && source.pinned && !source.pinned.has(name))
          this.#fault(
            keys,
            `${name} is at ${recorded.url}, and CLOUDPIN-${recorded.pin} there does not name it`,
          )
      }
      if (found === size) continue
      this.faults.push({
        objects: [...[...keys, key].map((each) => this.#url(each)), ...elsewhere],
        message: found === undefined ? `${name} is missing` : `${name} has ${found} bytes instead of ${size}`,
      })
    }
  }

  async #source({ url, pin: id }: RecordedSource): Promise<Source | undefined> {
    const place = await this.#openSource?.(url)
    if (!place) return undefined
    // A destruction removes the pins first.
    const pin = id === undefined ? undefined : await readPin(place, id)
    return { place, pinned: pin && new Set(pin.objects) }
  }

  async #identity(place: DatabasePlace): Promise<void> {
    const key = objectKey(place, 'IDENTITY')
    const id = Buffer.from(await this.#body(key))
      .toString('latin1')
      .trim()
    if (!identityPattern.test(id)) return this.#fault([key], `${JSON.stringify(id)} is no id`)
    const entryKey = registryKey(Buffer.from(id))
    if (entryKey === undefined) return
    // A store in a directory has its registry where the store of the Env was, which may be below.
    const entries = [entryKey, ...[...this.#sizes.keys()].filter((each) => each.endsWith(`/${entryKey}`))]
    const paths: string[] = []
    for (const entry of entries) {
      const found = await unlessNotFound(this.#store.head(entry))
      // A store below another keeps the metadata of its objects itself.
      const { dirname } = found?.metadata ?? {}
      if (found)
        paths.push(
          dirname === undefined && entry !== entryKey
            ? place.path
            : `${entry.slice(0, -entryKey.length)}${dirname}`,
        )
      if (found && found.size > 0) this.#fault([entry], `the entry of the registry has ${found.size} bytes`)
    }
    // A database that arrives is registered last, and one that is destroyed loses its entry first.
    const mayLack = !this.#alive.has(place.path) || this.#sizes.has(objectKey(place, 'INCOMING'))
    if (!paths.includes(place.path) && !(mayLack && paths.length === 0))
      this.#fault([key, ...entries], `the registry has ${id} at ${paths.join(' and ') || 'no place'}`)
  }

  async #body(key: string): Promise<Uint8Array> {
    return (await this.#store.get(key)).body
  }

  async #decode<T>(keys: readonly string[], decode: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await decode()
    } catch (error) {
      this.#fault(keys, error instanceof Error ? error.message : String(error))
      return undefined
    }
  }

  #fault(keys: readonly string[], message: string): void {
    this.faults.push({ objects: keys.map((key) => this.#url(key)), message })
  }

  #url(key: string): string {
    return `${this.#store.url.replace(/\/+$/, '')}/${key}`
  }
}
