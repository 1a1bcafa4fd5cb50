import { EnvError, unlessNotFound } from '../env/env-error.js'
import { manifestObjectName } from '../format/cloud-manifest.js'
import { isDestroyed } from '../format/epoch.js'
import { type ObjectName, objectName, parseObjectName } from '../format/file-name.js'
import { checkpointName } from './checkpoint.js'
import { type DatabasePlace, databaseUrl, objectKey } from './database-place.js'
import type { ListedObject } from './listing.js'
import { isExpired, readPin } from './pin.js'
import { type ReadState, readState, versionOf } from './read-state.js'
import { listRoots, type Roots } from './roots.js'
import { isLive, isVisible, knowsEpoch, type LiveNumbers } from './visibility.js'

/** When somebody last needed an object. */
export type Need = 'now' | 'never' | FormerNeed

/** A line of history may have needed the object once. */
export interface FormerNeed {
  /** Time since when it certainly does not, by the store's clock. */
  readonly lastAt: Date
  /** Milliseconds for which its owner keeps what it no longer needs: for readers of its past states. */
  readonly keptMs: number
}

/** Lines of history and pins come and go seldom. */
const maxLooks = 5

/** One answer of a store has so many objects: it shows them as they were at one moment. */
const pageObjects = 1000

/**
 * Limit on what is remembered of states and pins: epochs, files, and names in pins, of which each takes some 50 bytes.
 * The rest is read again each time.
 */
const maxRemembered = 500_000

/**
 * Needs of everybody but the state of one cookie: of the states under other cookies, and of pins. Remembers what it has
 * read: while nothing changes, an answer takes one listing, and a HEAD for each branch, whose owner may commit.
 */
export class OthersNeeds {
  readonly #place: DatabasePlace
  readonly #cookie: string
  /** By name of the CLOUDMANIFEST or pin. */
  #remembered: ReadonlyMap<string, Needy> = new Map()

  /** @param cookie of the state that is left out. */
  constructor(place: DatabasePlace, cookie: string) {
    this.#place = place
    this.#cookie = cookie
  }

  /**
   * The most urgent need of anybody for each object. Pins and states are listed once more if any was read: whoever is
   * about to need an object has its pin there by then, or finds out that the state which it read is no longer the present
   * one.
   * @param storeNow by the store's clock.
   * @throws EnvError of the store, and of a pin that cannot be read: nobody knows what it protects. Busy: lines of history
   *   come and go all the time.
   */
  async of(names: readonly string[], storeNow: Date): Promise<ReadonlyMap<string, Need>> {
    let roots = await listRoots(this.#place)
    for (let look = 0; look < maxLooks; look++) {
      const { needs, hasRead } = await this.#needsIn(roots, names, storeNow)
      if (!hasRead && roots.objects.length < pageObjects) return needs
      const next = await listRoots(this.#place)
      if (next.version === roots.version) return needs
      roots = next
    }
    throw new EnvError('Busy', `states of ${databaseUrl(this.#place)} come and go all the time`, {
      retryable: true,
    })
  }

  async #needsIn(
    roots: Roots,
    names: readonly string[],
    storeNow: Date,
  ): Promise<{ readonly needs: ReadonlyMap<string, Need>; readonly hasRead: boolean }> {
    const objects = names.map((name) => ({ name, parsed: parseObjectName(name) }))
    const needs = new Map<string, Need>(names.map((name) => [name, 'never']))
    const remembered = new Map<string, Needy>()
    let room = maxRemembered
    let hasRead = false
    // One at a time: a MANIFEST may take hundreds of megabytes.
    for (const root of roots.objects) {
      const { kind } = root.parsed ?? {}
      if (kind !== 'cloudManifest' && kind !== 'pin') continue
      if (root.parsed?.kind === 'cloudManifest' && root.parsed.cookie === this.#cookie) continue
      const known = this.#remembered.get(root.name)
      if (known?.etag !== root.etag || known.manifest) hasRead = true
      const needy = known && (await this.#isUnchanged(known, root)) ? known : await this.#read(root)
      if (!needy) continue
      for (const { name, parsed } of objects)
        needs.set(name, urgent(needs.get(name)!, needy.needOf(name, parsed, root.modified, storeNow)))
      room -= needy.entries
      if (room >= 0) remembered.set(root.name, needy)
    }
    this.#remembered = remembered
    return { needs, hasRead }
  }

  async #isUnchanged({ etag, manifest }: Needy, root: ListedObject): Promise<boolean> {
    if (etag !== root.etag) return false
    if (!manifest) return true
    const found = await unlessNotFound(this.#place.store.head(objectKey(this.#place, manifest.name)))
    return found !== undefined && versionOf(etag, found.etag) === manifest.version
  }

  /** Undefined: a pin that is gone. */
  async #read({ parsed: root, etag }: ListedObject): Promise<Needy | undefined> {
    if (root?.kind === 'cloudManifest') return needyState(await readState([this.#place], root.cookie), etag)
    if (root?.kind !== 'pin') return undefined
    const pin = await readPin(this.#place, root.id)
    if (!pin) return undefined
    const pinned = new Set(pin.objects)
    return {
      etag,
      manifest: undefined,
      entries: pinned.size,
      needOf: (name, _, written, storeNow) =>
        pinned.has(name) && !isExpired(pin, written, storeNow) ? 'now' : 'never',
    }
  }
}

/** A line of history or a pin, as far as it says who needs what. */
interface Needy {
  /** ETag of its CLOUDMANIFEST, or of the pin. */
  readonly etag: string
  /** A MANIFEST that may change while the CLOUDMANIFEST does not; undefined: there is none. */
  readonly manifest: { readonly name: string; readonly version: string } | undefined
  /** Adds to {@link maxRemembered}. */
  readonly entries: number
  needOf(name: string, parsed: ObjectName | undefined, written: Date, storeNow: Date): Need
}

function needyState(state: ReadState, etag: string): Needy {
  const { cookie, cloudManifest, cloudManifestModified, manifest, manifestModified, retentionMs, version } =
    state
  if (cloudManifest && isDestroyed(cloudManifest))
    return { etag, manifest: undefined, entries: 0, needOf: () => 'never' }
  // A state that cannot be read may need everything, and may be mended.
  if (!cloudManifest || !cloudManifestModified || !manifest || !manifestModified)
    return { etag: '', manifest: undefined, entries: 0, needOf: () => 'now' }
  const line: Line = {
    cloudManifest,
    live: {
      liveTables: new Set(manifest.liveTables.keys()),
      liveBlobFiles: new Set(manifest.liveBlobFiles.keys()),
    },
    formerNeed: { lastAt: manifestModified, keptMs: retentionMs ?? 0 },
  }
  const isFixed = state.isOurs && checkpointName(cookie) !== undefined
  return {
    etag,
    manifest: isFixed ? undefined : { name: manifestObjectName(cloudManifest), version },
    entries: cloudManifest.past.length + manifest.liveTables.size + manifest.liveBlobFiles.size,
    needOf: (_, parsed) => (parsed ? needOf(parsed, line) : 'now'),
  }
}

interface Line {
  readonly cloudManifest: NonNullable<ReadState['cloudManifest']>
  readonly live: LiveNumbers
  readonly formerNeed: FormerNeed
}

/**
 * A line of history refers to an object for as long as one of its states has it, and never takes it up again: what the
 * present state lacks, it dropped before its last commit, if it ever had it. What it writes in its present epoch it may
 * be about to commit.
 */
function needOf(name: ObjectName, { cloudManifest, live, formerNeed }: Line): Need {
  if (name.kind === 'manifest' || name.kind === 'history') {
    if (objectName(name) === manifestObjectName(cloudManifest)) return 'now'
    return knowsEpoch(cloudManifest, name.epoch) ? formerNeed : 'never'
  }
  if ('epoch' in name && name.epoch === cloudManifest.current) return 'now'
  if (!isVisible(name, cloudManifest)) return 'never'
  return isLive(name, live) ? 'now' : formerNeed
}

function urgent(a: Need, b: Need): Need {
  if (a === 'now' || b === 'never') return a
  if (b === 'now' || a === 'never') return b
  return {
    lastAt: a.lastAt > b.lastAt ? a.lastAt : b.lastAt,
    keptMs: Math.max(a.keptMs, b.keptMs),
  }
}
