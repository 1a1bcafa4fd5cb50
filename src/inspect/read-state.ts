import pLimit from 'p-limit'
import { objectUrl, type Places } from '../cloud/database-place.js'
import { getFirst } from '../cloud/database-view.js'
import { missingManifestMessage } from '../cloud/repair-advice.js'
import { EnvError } from '../env/env-error.js'
import { type CloudManifest, decodeCloudManifest, manifestObjectName } from '../format/cloud-manifest.js'
import { objectName } from '../format/file-name.js'
import { type Manifest, readManifest } from '../format/manifest.js'
import { maxEntries } from '../format/version-edit.js'
import type { StoredObject } from '../store/object-store.js'
import { decodeManifest } from './decode-manifest.js'
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
/**
 * How much is held of all states but the first: of what {@link maxEntries} counts, and of MANIFESTs. A table takes some 3
 * KB where it is missing and that is to be told, and of a MANIFEST there is a second copy where edits are long: some 250
 * MB, and 100 MB. Forty states of a database of 100 GB fit in.
 */
const maxFurther = { entries: 75_000, bytes: 48 * 2 ** 20 }
/** Owners change within seconds where they fight, and looks follow each other within milliseconds. */
export const maxLooks = 5

/** How much more may be held. Less than nothing: it was too much. */
interface Allowance {
  entries: number
  bytes: number
}

/**
 * Reads states of one database that are all held together: the first however large it is, the others while they fit into
 * memory with it. What is not read has that as its problem. A MANIFEST that several of them name is fetched and decoded once.
 */
export class StateReader {
  readonly #places: Places
  /** Of an earlier look at the same database: what has not changed since is not decoded again. */
  readonly #before: ReadonlyMap<string, DecodedManifest>
  /** By name; undefined: missing. */
  readonly #manifests = new Map<string, Promise<DecodedManifest | typeof tooMuch | undefined>>()
  /** By URL. */
  readonly #decoded = new Map<string, DecodedManifest>()
  readonly #further: Allowance = { ...maxFurther }
  #states = 0

  constructor(places: Places, before?: StateReader) {
    this.#places = places
    this.#before = before ? before.#decoded : new Map()
  }

  /** As {@link readState} does. The first is to be awaited before there are others. */
  async read(cookie: string): Promise<ReadState> {
    this.#states += 1
    if (this.#states > maxStates) return this.#unread(cookie)
    // One by itself is bounded by what may be decoded of it.
    const allowance = this.#states === 1 ? { entries: Infinity, bytes: maxManifestBytes } : this.#further
    let state = await this.#readOnce(cookie, allowance)
    for (let look = 1; look < maxLooks && state && isGone(state); look++) {
      const { version } = state
      allowance.entries += state.cloudManifest?.past.length ?? 0
      state = await this.#readOnce(cookie, allowance)
      // A new owner may have come between our two looks. The same CLOUDMANIFEST again means that it is missing.
      if (state?.version === version) break
    }
    return state ?? this.#unread(cookie)
  }

  /** Undefined where it is too much. What is read counts, also where a MANIFEST is shared: what is found about its tables is not. */
  async #readOnce(cookie: string, allowance: Allowance): Promise<ReadState | undefined> {
    if (isExceeded(allowance)) return undefined
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
    allowance.entries -= root.value.past.length
    if (isExceeded(allowance)) return undefined

    const manifestName = manifestObjectName(root.value)
    const stored = await this.#readManifest(manifestName, allowance)
    if (stored === tooMuch) return undefined
    const manifestObject = stored?.url ?? objectUrl(this.#places[0], manifestName)
    const rooted = { ...unread, cloudManifest: root.value, manifestObject }
    if (!stored) return { ...rooted, problems: [missingManifest(manifestObject, cloudManifestObject)] }
    const { etag, lastModified, body } = stored.object
    const read = { ...rooted, manifestModified: lastModified, version: `${root.object.etag} ${etag}` }
    if (stored.problem) return { ...read, problems: [stored.problem] }
    allowance.entries -= entriesIn(stored.value)
    if (isExceeded(allowance)) return undefined
    return { ...read, manifest: stored.value, manifestBytes: body, problems: [] }
  }

  #readManifest(name: string, allowance: Allowance): Promise<DecodedManifest | typeof tooMuch | undefined> {
    const known = this.#manifests.get(name)
    if (known) return known
    const reading = readBounded(
      this.#places,
      name,
      Math.min(allowance.bytes, maxManifestBytes),
      async (stored) => {
        const { object, problem, url } = stored
        if (problem && object.size <= maxManifestBytes) allowance.bytes = -1
        allowance.bytes -= object.body.length
        if (isExceeded(allowance)) return tooMuch
        const before = this.#before.get(url)
        const most = Math.min(allowance.entries, maxEntries)
        const manifest =
          before?.object.etag === object.etag
            ? before
            : await decoded(stored, (bytes) => decodeAll(bytes, { name: url, most }))
        if (manifest.problem?.code === 'unsupported' && most < maxEntries) {
          allowance.entries = -1
          return tooMuch
        }
        this.#decoded.set(url, manifest)
        return manifest
      },
    )
    this.#manifests.set(name, reading)
    return reading
  }

  #unread(cookie: string): ReadState {
    const object = objectUrl(this.#places[0], objectName({ kind: 'cloudManifest', cookie }))
    const { entries, bytes } = maxFurther
    const message =
      `${object} was not read, nor was the MANIFEST that it names: the states of this and other cookies are more than is ` +
      `read beside one of them, ${maxStates} states, ${entries} files or MANIFESTs of ${bytes} bytes. "--cookie" names the ` +
      'one that is read however large it is. Remove the CLOUDMANIFESTs of cookies that nobody uses'
    return { ...unreadState(cookie, object), problems: [{ code: 'unsupported', object, message }] }
  }
}

/**
 * One that came with the first piece is decoded at a go, so that no other of that size is decoded before it counts. It takes
 * less than a second. Of larger ones, there is one at a time.
 */
function decodeAll(
  bytes: Uint8Array,
  options: { readonly name: string; readonly most: number },
): Manifest | Promise<Manifest> {
  return bytes.length <= firstBytes
    ? readManifest(bytes, { ...options, tail: 'strict' })
    : decodeManifest(bytes, options)
}

/** Stands for a MANIFEST that cannot be held with all the others. */
const tooMuch = Symbol('too much')

function isExceeded({ entries, bytes }: Allowance): boolean {
  return entries < 0 || bytes < 0
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

function entriesIn({ liveTables, liveBlobFiles, columnFamilies }: Manifest): number {
  return liveTables.size + liveBlobFiles.size + columnFamilies.size
}

/** One large object at a time, however many states are read at once. */
const largeReads = pLimit(1)

/** Fetches the object at the first place that has it, and hands it on while no other large one is in memory. */
async function readBounded<T>(
  places: Places,
  name: string,
  maxBytes: number,
  use: (object: StateObject) => T | Promise<T>,
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

async function decoded<T>(
  stored: StateObject,
  decode: (bytes: Uint8Array, url: string) => T | Promise<T>,
): Promise<Decoded<T>> {
  const { url, object, problem } = stored
  if (problem) return { url, object, problem }
  try {
    return { url, object, problem, value: await decode(object.body, url) }
  } catch (error) {
    return { url, object, problem: decodingProblem(error, url) }
  }
}
