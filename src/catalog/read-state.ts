import pLimit from 'p-limit'
import type { CloudManifest } from '../format/cloud-manifest.js'
import { isCeded, isDestroyed } from '../format/epoch.js'
import { objectName } from '../format/file-name.js'
import { maxEntries } from '../format/version-edit.js'
import { writeMark } from '../store/cas-object.js'
import { databaseUrl, objectUrl, type Places } from './database-place.js'
import { decodeManifest } from './decode-manifest.js'
import { type BoundedObject, fetchBounded, type InTurn, maxManifestBytes } from './get-first.js'
import type { Manifest } from './manifest.js'
import { decodingProblem, missingManifest, type Problem } from './problem.js'
import { beingDestroyedMessage, cededMessage } from './repair-advice.js'
import { retentionOf } from './retention.js'
import { type RecordedSource, recordedSources } from './sources.js'
import { type Decoded, decoded, lookAtState, untilSettled } from './state-objects.js'

/** Contents of the two objects that make a state of a database. The objects that they reference are not looked up. */
export interface ReadState {
  readonly cookie: string
  /** URL of the CLOUDMANIFEST. */
  readonly cloudManifestObject: string
  /** Undefined: damaged, see {@link problems}. */
  readonly cloudManifest: CloudManifest | undefined
  readonly cloudManifestModified: Date | undefined
  /** URL of the MANIFEST that the CLOUDMANIFEST names. */
  readonly manifestObject: string | undefined
  /** Undefined: missing or damaged. */
  readonly manifest: Manifest | undefined
  /** Time when the last commit was written. */
  readonly manifestModified: Date | undefined
  /** Bytes that were read as {@link manifest}. */
  readonly manifestBytes: Uint8Array | undefined
  /** Milliseconds for which the owner keeps what the state does not need; undefined: unknown. */
  readonly retentionMs: number | undefined
  /** Sources that the CLOUDMANIFEST records. */
  readonly sources: readonly RecordedSource[]
  /** True if the CLOUDMANIFEST was written by this program, which writes to no checkpoint. */
  readonly isOurs: boolean
  /** Changes with every commit, and with every change of owner. */
  readonly version: string
  readonly problems: readonly Problem[]
}

/**
 * Reads the CLOUDMANIFEST of a cookie and the MANIFEST that it names.
 * @throws EnvError errors of the store; damage is reported in {@link ReadState.problems}.
 */
export async function readState(places: Places, cookie: string): Promise<ReadState> {
  return new StateReader(places).read(cookie)
}

/** Far above the number of leaders that took a database over and left their CLOUDMANIFESTs. */
const maxStates = 1000
/**
 * Limits on what is held of all states but the first: entries as {@link maxEntries} counts them, and bytes of
 * MANIFESTs. A missing table to report takes some 3 KB, and a MANIFEST with long edits is held twice: some 250 MB, and
 * 100 MB. Forty states of a database of 100 GB fit in.
 */
const maxFurther = { entries: 75_000, bytes: 48 * 2 ** 20 }
/** Remaining allowance. Negative: too much was held. */
interface Allowance {
  entries: number
  bytes: number
}

/**
 * Reads states of one database that are all held together: the first regardless of its size, the others while they fit
 * into memory with it. A state that is not read has that as its problem. A MANIFEST that several states name is fetched
 * and decoded once.
 */
export class StateReader {
  readonly #places: Places
  /** MANIFESTs of an earlier look at the same database: those that have not changed since are not decoded again. */
  readonly #before: ReadonlyMap<string, DecodedManifest>
  /** MANIFESTs by name; undefined: missing. */
  readonly #manifests = new Map<string, Promise<DecodedManifest | typeof tooMuch | undefined>>()
  /** Decoded MANIFESTs by URL. */
  readonly #decoded = new Map<string, DecodedManifest>()
  readonly #further: Allowance = { ...maxFurther }
  #states = 0

  constructor(places: Places, before?: StateReader) {
    this.#places = places
    this.#before = before ? before.#decoded : new Map()
  }

  /** Reads a state as {@link readState} does. Await the first before reading others. */
  async read(cookie: string): Promise<ReadState> {
    this.#states += 1
    if (this.#states > maxStates) return this.#unread(cookie)
    // A single state is bounded by the limits on decoding it.
    const allowance = this.#states === 1 ? { entries: Infinity, bytes: maxManifestBytes } : this.#further
    const look = { epochs: 0 }
    const state = await untilSettled(
      () => this.#readOnce(cookie, allowance, look),
      (read) => (read && isGone(read) ? read.version : undefined),
    )
    return state ?? this.#unread(cookie)
  }

  /**
   * Undefined if it is too much. Everything read counts, even if a MANIFEST is shared: the findings about its tables
   * are not.
   * @param counted part of the allowance that the previous look took for epochs, which it gives back.
   */
  async #readOnce(
    cookie: string,
    allowance: Allowance,
    counted: { epochs: number },
  ): Promise<ReadState | undefined> {
    if (isExceeded(allowance)) return undefined
    const look = await lookAtState(
      this.#places,
      cookie,
      (name, { value: { past } }) => {
        allowance.entries += counted.epochs - past.length
        counted.epochs = past.length
        return isExceeded(allowance) ? tooMuch : this.#readManifest(name, allowance)
      },
      largeReads,
    )
    const rootName = objectName({ kind: 'cloudManifest', cookie })
    const cloudManifestObject = look?.root.url ?? objectUrl(this.#places[0], rootName)
    const unread = {
      ...unreadState(cookie, cloudManifestObject),
      cloudManifestModified: look?.root.object.lastModified,
      retentionMs: look && retentionOf(look.root.object),
      sources: look ? recordedSources(look.root.object) : [],
      isOurs: look?.root.object.metadata[writeMark] !== undefined,
      version: look?.root.object.etag ?? '',
    }
    if (!look) {
      const message = `${cloudManifestObject} is missing: without it there is no database. Bring that object back`
      return { ...unread, problems: [{ code: 'missing', object: cloudManifestObject, message }] }
    }
    if (!('manifest' in look))
      return { ...unread, problems: [decodingProblem(look.root.error, cloudManifestObject)] }
    const { root, manifest: stored } = look
    if (stored === tooMuch) return undefined
    const manifestObject = stored?.url ?? objectUrl(this.#places[0], look.manifestName)
    const rooted = { ...unread, cloudManifest: root.value, manifestObject }
    if (!stored) {
      const problem = isDestroyed(root.value)
        ? ({
            code: 'missing',
            object: cloudManifestObject,
            message: destroyedMessage(databaseUrl(this.#places[0]), root.value),
          } as const)
        : missingManifest(manifestObject, cloudManifestObject)
      return { ...rooted, problems: [problem] }
    }
    const { etag, lastModified, body } = stored.object
    const read = { ...rooted, manifestModified: lastModified, version: versionOf(root.object.etag, etag) }
    if (stored.error) return { ...read, problems: [decodingProblem(stored.error, manifestObject)] }
    allowance.entries -= entriesIn(stored.value)
    if (isExceeded(allowance)) return undefined
    return { ...read, manifest: stored.value, manifestBytes: body, problems: [] }
  }

  #readManifest(name: string, allowance: Allowance): Promise<DecodedManifest | typeof tooMuch | undefined> {
    const known = this.#manifests.get(name)
    if (known) return known
    const maxBytes = Math.min(allowance.bytes, maxManifestBytes)
    const decode = (stored: BoundedObject) => this.#decode(stored, allowance)
    const reading = fetchBounded(this.#places, name, maxBytes, decode, largeReads)
    this.#manifests.set(name, reading)
    return reading
  }

  async #decode(stored: BoundedObject, allowance: Allowance): Promise<DecodedManifest | typeof tooMuch> {
    const { object, oversized, url } = stored
    if (oversized && object.size <= maxManifestBytes) allowance.bytes = -1
    allowance.bytes -= object.body.length
    if (isExceeded(allowance)) return tooMuch
    const before = this.#before.get(url)
    const limit = Math.min(allowance.entries, maxEntries)
    const manifest =
      before?.object.etag === object.etag
        ? before
        : await decoded(stored, () => decodeManifest(object.body, { name: url, limit }))
    if (manifest.error?.code === 'NotSupported' && limit < maxEntries) {
      allowance.entries = -1
      return tooMuch
    }
    this.#decoded.set(url, manifest)
    return manifest
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

function destroyedMessage(url: string, cloudManifest: CloudManifest): string {
  return isCeded(cloudManifest) ? cededMessage(url) : beingDestroyedMessage(url)
}

/** {@link ReadState.version} of a state whose CLOUDMANIFEST and MANIFEST have these ETags. */
export function versionOf(cloudManifestEtag: string, manifestEtag: string): string {
  return `${cloudManifestEtag} ${manifestEtag}`
}

/** Stands for a MANIFEST that cannot be held together with all the others. */
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
    retentionMs: undefined,
    sources: [],
    isOurs: false,
    version: '',
  }
}

/** Reports whether there is a CLOUDMANIFEST whose MANIFEST is missing. */
function isGone({ cloudManifest, manifestModified }: ReadState): boolean {
  return cloudManifest !== undefined && manifestModified === undefined
}

function entriesIn({ liveTables, liveBlobFiles, columnFamilies }: Manifest): number {
  return liveTables.size + liveBlobFiles.size + columnFamilies.size
}

/** Holds one large object in memory at a time, however many states are read at once. */
const largeReads: InTurn = pLimit(1)
