import { type DatabasePlace, objectKey, objectUrl } from '../catalog/database-place.js'
import { corruption } from '../format/corruption.js'

/** A source of a known size that is read piece by piece. */
export interface RangedSource {
  /** Name in errors. */
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** Reads exactly these bytes; Corruption if the source ends earlier. */
  read(offset: number, length: number): Promise<Uint8Array>
  /** Drops the bytes read so far: the next read asks the store. */
  forget(): Promise<void>
}

/**
 * An object of a database. Reads that continue where an earlier one ended fetch more and more, so that neighbouring
 * blocks share a request: a reader that goes through data and index at the same time has both at hand.
 */
export function rangedObject(place: DatabasePlace, name: string, size: number): RangedSource {
  return new ObjectSource(place, name, size)
}

/** Bytes that were fetched together. */
interface Window {
  readonly offset: number
  readonly bytes: Uint8Array
}

/** Limit on windows. A read that is larger than the read-ahead has one to itself: a block may have 64 MiB. */
const maxWindows = 3
/** A request seldom takes less than 10 ms, in which 64 KiB pass at 6 MB/s. */
const minReadAhead = 64 * 1024
const maxReadAhead = 1024 * 1024
/** Reading over a smaller gap costs less than another request. */
const maxGap = 16 * 1024

class ObjectSource implements RangedSource {
  readonly name: string
  readonly size: number
  readonly #place: DatabasePlace
  readonly #key: string
  /** Windows; the last is the one used last. */
  #windows: readonly Window[] = []

  constructor(place: DatabasePlace, name: string, size: number) {
    this.name = objectUrl(place, name)
    this.size = size
    this.#place = place
    this.#key = objectKey(place, name)
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const end = offset + length
    if (end > this.size)
      throw corruption(this.name, offset, `it ends at byte ${this.size}, before byte ${end}`)
    const held = this.#windows.find((window) => window.offset <= offset && end <= endOf(window))
    const window = held ?? (await this.#fetch(offset, length))
    const others = isLarge(window.bytes.length)
      ? []
      : this.#windows.filter((other) => other !== window && !isLarge(other.bytes.length))
    this.#windows = [...others, window].slice(-maxWindows)
    return window.bytes.subarray(offset - window.offset, end - window.offset)
  }

  async forget(): Promise<void> {
    this.#windows = []
  }

  async #fetch(offset: number, length: number): Promise<Window> {
    const before = this.#windows.find((window) => continues(window, offset))
    const readAhead = before ? Math.min(maxReadAhead, Math.max(minReadAhead, 2 * before.bytes.length)) : 0
    const wanted = Math.min(Math.max(length, readAhead), this.size - offset)
    if (isLarge(length)) this.#windows = []
    const { body } = await this.#place.store.get(this.#key, { offset, length: wanted })
    if (body.length < length) {
      throw corruption(
        this.name,
        offset + body.length,
        `it ends here, though its size was ${this.size} bytes`,
      )
    }
    this.#windows = this.#windows.filter((window) => window !== before)
    return { offset, bytes: body }
  }
}

function isLarge(length: number): boolean {
  return length > maxReadAhead
}

function endOf({ offset, bytes }: Window): number {
  return offset + bytes.length
}

/**
 * Reports whether a read at the offset, which the window does not hold to its end, continues where the window was read.
 */
function continues(window: Window, offset: number): boolean {
  return window.offset < offset && offset <= endOf(window) + maxGap
}
