// The states in the simulated store, read at once: nobody's turn, and no fault.
import { type Manifest, readManifest } from '#src/catalog/manifest.js'
import { decodePin } from '#src/catalog/pin.js'
import { recordedSources } from '#src/catalog/sources.js'
import { decodeCloudManifest, manifestObjectName } from '#src/format/cloud-manifest.js'
import { epochOf, isDestroyed } from '#src/format/epoch.js'
import { objectName } from '#src/format/file-name.js'
import type { ObjectKey, StoredObject } from '#src/store/object-store.js'

/** A state, as long as the store has these two objects. */
interface KnownState {
  readonly root: StoredObject
  readonly manifest: StoredObject
  readonly tables: readonly NeededTable[]
  readonly keys: ReadonlySet<string>
}

interface NeededTable {
  readonly size: number
  /** Where it may lie: first its own place, then the sources. */
  readonly places: readonly [ObjectKey, ...ObjectKey[]]
}

export class States {
  readonly #objects: ReadonlyMap<ObjectKey, StoredObject>
  readonly #known = new Map<ObjectKey, KnownState>()

  constructor(objects: ReadonlyMap<ObjectKey, StoredObject>) {
    this.#objects = objects
  }

  /** False as well for a database that is being destroyed. */
  has(rootKey: ObjectKey): boolean {
    const root = this.#objects.get(rootKey)
    return root !== undefined && !isDestroyed(decodeCloudManifest(root.body, rootKey))
  }

  /** False for a moment where the destruction of another database took the MANIFEST of a creation along. */
  hasManifest(rootKey: ObjectKey): boolean {
    const root = this.#objects.get(rootKey)!
    return this.#objects.has(manifestKeyOf(root))
  }

  /** Keys in the tables of a state. @throws Error: it is not there, or not whole. */
  keysOf(rootKey: ObjectKey): ReadonlySet<string> {
    const { tables, keys } = this.#state(rootKey)
    for (const { size, places } of tables) {
      const found = this.#find(places)
      if (found?.size !== size)
        throw new Error(`${rootKey} needs ${places.join(' or ')} of ${size} bytes, which has ${found?.size}`)
    }
    return keys
  }

  /** Reports whether all tables of a state lie at its own place. */
  standsAlone(rootKey: ObjectKey): boolean {
    return this.#state(rootKey).tables.every(({ places: [own] }) => this.#objects.has(own))
  }

  /** Pins at the sources of a state. */
  pinsOf(rootKey: ObjectKey): ObjectKey[] {
    const root = this.#objects.get(rootKey)
    const sources = root ? recordedSources(root) : []
    return sources.flatMap(({ url, pin }) =>
      pin === undefined ? [] : [`${pathOf(url)}/${objectName({ kind: 'pin', id: pin })}`],
    )
  }

  /** Reports whether a pin is there, and never expires. */
  isLasting(pinKey: ObjectKey): boolean {
    const found = this.#objects.get(pinKey)
    return found !== undefined && decodePin(found.body, pinKey).kind === 'clone'
  }

  #state(rootKey: ObjectKey): KnownState {
    const root = this.#objects.get(rootKey)
    if (!root) throw new Error(`${rootKey} is missing`)
    const known = this.#known.get(rootKey)
    if (known?.root === root && this.#objects.get(known.manifest.key) === known.manifest) return known
    const read = this.#read(root)
    this.#known.set(rootKey, read)
    return read
  }

  #read(root: StoredObject): KnownState {
    const [own = ''] = root.key.split('/')
    const paths = [own, ...recordedSources(root).map(({ url }) => pathOf(url))]
    const cloudManifest = decodeCloudManifest(root.body, root.key)
    const manifestKey = manifestKeyOf(root)
    const manifest = this.#objects.get(manifestKey)
    if (!manifest) throw new Error(`${root.key} needs ${manifestKey}, which is missing`)
    const tables = [...manifestOf(manifest).liveTables.values()].map(({ number, size }): NeededTable => {
      const name = objectName({ kind: 'table', number, epoch: epochOf(cloudManifest, number) })
      return { size, places: [`${own}/${name}`, ...paths.slice(1).map((path) => `${path}/${name}`)] }
    })
    const keys = new Set(tables.flatMap(({ places }) => keysOf(this.#find(places))))
    return { root, manifest, tables, keys }
  }

  #find(places: NeededTable['places']): StoredObject | undefined {
    for (const place of places) {
      const found = this.#objects.get(place)
      if (found) return found
    }
    return undefined
  }
}

function manifestKeyOf({ key, body }: StoredObject): ObjectKey {
  const [own = ''] = key.split('/')
  return `${own}/${manifestObjectName(decodeCloudManifest(body, key))}`
}

function pathOf(url: string): string {
  return url.slice(url.lastIndexOf('/') + 1)
}

const manifests = new WeakMap<StoredObject, Manifest>()

function manifestOf(stored: StoredObject): Manifest {
  const known = manifests.get(stored) ?? readManifest(stored.body)
  manifests.set(stored, known)
  return known
}

function keysOf(table: StoredObject | undefined): readonly string[] {
  return table ? (JSON.parse(Buffer.from(table.body).toString()) as string[]) : []
}
