import pLimit from 'p-limit'
import { objectUrl, type Places } from '../cloud/database-place.js'
import { getFirst } from '../cloud/database-view.js'
import { missingManifestMessage } from '../cloud/repair-advice.js'
import { EnvError } from '../env/env-error.js'
import { type CloudManifest, decodeCloudManifest } from '../format/cloud-manifest.js'
import { objectName } from '../format/file-name.js'
import { type Manifest, readManifest } from '../format/manifest.js'
import { maxEntries } from '../format/version-edit.js'
import type { StoredObject } from '../store/object-store.js'
import type { Problem } from './problem.js'

/** What the two objects say that make a state of a database; what they reference was not looked for. */
export interface ReadState {
  readonly cookie: string
  /** The URL of the CLOUDMANIFEST. */
  readonly cloudManifestObject: string
  /** Undefined: damaged, see {@link problems}. */
  readonly cloudManifest: CloudManifest | undefined
  readonly cloudManifestModified: Date | undefined
  /** The URL of the MANIFEST that the CLOUDMANIFEST names. */
  readonly manifestObject: string | undefined
  /** Undefined: missing or damaged. */
  readonly manifest: Manifest | undefined
  /** When the last commit was written. */
  readonly manifestModified: Date | undefined
  /** What was read as {@link manifest}. */
  readonly manifestBytes: Uint8Array | undefined
  /** Changes with every commit, and with every change of owner. */
  readonly version: string
  readonly problems: readonly Problem[]
}

/** A CLOUDMANIFEST or a MANIFEST as it lies in the store. */
export interface StateObject {
  readonly url: string
  /** Its body is the whole, unless there is a {@link problem}. */
  readonly object: StoredObject
  /** It is too large to be read, and its body only its beginning. */
  readonly problem: Problem | undefined
}

/** A record of 40 bytes for each time that the database was opened for writing: 400,000 times. */
const maxCloudManifestBytes = 16 * 2 ** 20
/** RocksDB begins a new MANIFEST at 1 GiB (`max_manifest_file_size`), with an edit that may lie beyond that. */
const maxManifestBytes = 1.25 * 2 ** 30
/** What is fetched before the size is known, and may be in memory for each of the states that are read at a time. */
const firstBytes = 4 * 2 ** 20

/** Undefined where the database has no CLOUDMANIFEST of that cookie. */
export async function readCloudManifestObject(
  places: Places,
  cookie: string,
): Promise<StateObject | undefined> {
  return readBounded(places, objectName({ kind: 'cloudManifest', cookie }), maxCloudManifestBytes, same)
}

/** @param name as {@link objectName} has it; undefined where the object is not there. */
export async function readManifestObject(places: Places, name: string): Promise<StateObject | undefined> {
  return readBounded(places, name, maxManifestBytes, same)
}

/**
 * What is wrong with the object that could not be decoded.
 * @throws what else is wrong.
 */
export function decodingProblem(error: unknown, object: string): Problem {
  if (EnvError.is(error, 'Corruption'))
    return {
      code: 'corrupt',
      object,
      message: `${error.message}. Bring an earlier version of the object back`,
    }
  if (EnvError.is(error, 'NotSupported')) return { code: 'unsupported', object, message: error.message }
  throw error
}

/** The problem of a MANIFEST that is not there. Both are URLs. */
export function missingManifest(manifest: string, cloudManifest: string): Problem {
  return { code: 'missing', object: manifest, message: missingManifestMessage(manifest, cloudManifest) }
}

/**
 * Reads the CLOUDMANIFEST of a cookie and the MANIFEST that it names.
 * @throws EnvError what the store fails with; damage is told in {@link ReadState.problems}.
 */
export async function readState(places: Places, cookie: string): Promise<ReadState> {
  return new StateReader(places).read(cookie)
}

/** Many more than leaders that took the database over and left their CLOUDMANIFESTs. */
const maxStates = 1000
/** Owners change within seconds where they fight, and looks follow each other within milliseconds. */
export const maxLooks = 5

/**
 * Reads states of one database that are all held together. A MANIFEST that several of them name is fetched and decoded
 * once. When they are more than fits into memory, the rest is not read, and that is its problem.
 */
export class StateReader {
  readonly #places: Places
  /** Of an earlier look at the same database: what has not changed since is not decoded again. */
  readonly #before: ReadonlyMap<string, DecodedManifest>
  /** By name; undefined: missing. */
  readonly #manifests = new Map<string, Promise<DecodedManifest | undefined>>()
  /** By URL. */
  readonly #decoded = new Map<string, DecodedManifest>()
  #statesLeft = maxStates
  #entriesLeft = maxEntries
  /** All MANIFESTs together may have what one may. */
  #bytesLeft = maxManifestBytes

  constructor(places: Places, before?: StateReader) {
    this.#places = places
    this.#before = before ? before.#decoded : new Map()
  }

  /** As {@link readState} does. */
  async read(cookie: string): Promise<ReadState> {
    if (this.#statesLeft <= 0 || this.#isFull()) return this.#unread(cookie)
    this.#statesLeft -= 1
    let state = await this.#readOnce(cookie)
    for (let look = 1; look < maxLooks && isGone(state); look++) {
      const { version } = state
      state = await this.#readOnce(cookie)
      // A new owner may have come between our two looks. The same CLOUDMANIFEST again means that it is missing.
      if (state.version === version) break
    }
    // What is shared counts once for each: what is found about its tables is not shared.
    this.#entriesLeft -= entriesOf(state)
    // One by itself is bounded by what may be decoded of it.
    const isAlone = this.#statesLeft === maxStates - 1
    return this.#isFull() && !isAlone ? this.#unread(cookie) : state
  }

  #isFull(): boolean {
    return this.#entriesLeft < 0 || this.#bytesLeft < 0
  }

  async #readOnce(cookie: string): Promise<ReadState> {
    const rootName = objectName({ kind: 'cloudManifest', cookie })
    const root = await readBounded(this.#places, rootName, maxCloudManifestBytes, (object) =>
      decoded(object, (bytes, url) => decodeCloudManifest(bytes, url)),
    )
    const cloudManifestObject = root?.url ?? objectUrl(this.#places[0], rootName)
    const unread = {
      ...unreadState(cookie, cloudManifestObject),
      cloudManifestModified: root?.object.lastModified,
      version: root?.object.etag ?? '',
    }
    if (!root) {
      const message = `${cloudManifestObject} is missing: without it there is no database. Bring that object back`
      return { ...unread, problems: [{ code: 'missing', object: cloudManifestObject, message }] }
    }
    if (root.problem) return { ...unread, problems: [root.problem] }

    const manifestName = objectName({ kind: 'manifest', epoch: root.value.current })
    const stored = await this.#readManifest(manifestName)
    const manifestObject = stored?.url ?? objectUrl(this.#places[0], manifestName)
    const rooted = { ...unread, cloudManifest: root.value, manifestObject }
    if (!stored) return { ...rooted, problems: [missingManifest(manifestObject, cloudManifestObject)] }
    const { etag, lastModified, body } = stored.object
    const read = { ...rooted, manifestModified: lastModified, version: `${root.object.etag} ${etag}` }
    if (stored.problem) return { ...read, problems: [stored.problem] }
    return { ...read, manifest: stored.value, manifestBytes: body, problems: [] }
  }

  #readManifest(name: string): Promise<DecodedManifest | undefined> {
    const known = this.#manifests.get(name)
    if (known) return known
    const reading = readBounded(this.#places, name, maxManifestBytes, (object) => {
      const before = this.#before.get(object.url)
      const manifest =
        before?.object.etag === object.object.etag
          ? before
          : decoded(object, (bytes, url) => readManifest(bytes, { name: url, tail: 'strict' }))
      this.#decoded.set(object.url, manifest)
      this.#bytesLeft -= object.object.body.length
      return manifest
    })
    this.#manifests.set(name, reading)
    return reading
  }

  #unread(cookie: string): ReadState {
    const object = objectUrl(this.#places[0], objectName({ kind: 'cloudManifest', cookie }))
    const message =
      `${object} was not read, nor was the MANIFEST that it names: with the states of other cookies, that would be more ` +
      `than ${maxStates} states, ${maxEntries} files or MANIFESTs of ${maxManifestBytes} bytes. "cloudenv manifest --cookie" shows it by itself. Remove the ` +
      'CLOUDMANIFESTs of cookies that nobody uses'
    return { ...unreadState(cookie, object), problems: [{ code: 'unsupported', object, message }] }
  }
}

type DecodedManifest = Decoded<Manifest>

function unreadState(cookie: string, cloudManifestObject: string) {
  return {
    cookie,
    cloudManifestObject,
    cloudManifest: undefined,
    cloudManifestModified: undefined,
    manifestObject: undefined,
    manifest: undefined,
    manifestModified: undefined,
    manifestBytes: undefined,
    version: '',
  }
}

/** Whether there is a CLOUDMANIFEST, and the MANIFEST that it names is not there. */
function isGone({ cloudManifest, manifestModified }: ReadState): boolean {
  return cloudManifest !== undefined && manifestModified === undefined
}

function entriesOf({ cloudManifest, manifest }: ReadState): number {
  const { liveTables, liveBlobFiles, columnFamilies } = manifest ?? {}
  const files = (liveTables?.size ?? 0) + (liveBlobFiles?.size ?? 0) + (columnFamilies?.size ?? 0)
  return files + (cloudManifest?.past.length ?? 0)
}

/** One large object at a time, however many states are read at once. */
const largeReads = pLimit(1)

/** Fetches the object at the first place that has it, and hands it on while no other large one is in memory. */
async function readBounded<T>(
  places: Places,
  name: string,
  maxBytes: number,
  use: (object: StateObject) => T,
): Promise<T | undefined> {
  const fetch = async (length: number): Promise<StateObject | undefined> => {
    const found = await getFirst(places, name, { offset: 0, length })
    if (!found) return undefined
    const url = objectUrl(found.place, name)
    const { size } = found.object
    const message = `${url} is corrupt: it has ${size} bytes, more than ${maxBytes}, the most it may have`
    const problem: Problem | undefined =
      size > maxBytes ? { code: 'corrupt', object: url, message } : undefined
    return { url, object: found.object, problem }
  }
  const first = await fetch(firstBytes)
  if (!first || first.problem || first.object.size <= first.object.body.length) return first && use(first)
  return await largeReads(async () => {
    // All of it once more, and not the rest: it may have been replaced meanwhile.
    const whole = await fetch(maxBytes)
    return whole && use(whole)
  })
}

function same(object: StateObject): StateObject {
  return object
}

type Decoded<T> = StateObject &
  ({ readonly problem: Problem } | { readonly problem: undefined; readonly value: T })

function decoded<T>(stored: StateObject, decode: (bytes: Uint8Array, url: string) => T): Decoded<T> {
  const { url, object, problem } = stored
  if (problem) return { url, object, problem }
  try {
    return { url, object, problem, value: decode(object.body, url) }
  } catch (error) {
    return { url, object, problem: decodingProblem(error, url) }
  }
}
