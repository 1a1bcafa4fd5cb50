import { type DatabasePlace, objectKey, objectUrl } from '../cloud/database-place.js'
import { corruption } from '../format/corruption.js'

/** Something of a known size that is read piece by piece. */
export interface RangedSource {
  /** As errors name it. */
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** Exactly these bytes; Corruption where the end comes earlier. */
  read(offset: number, length: number): Promise<Uint8Array>
}

/**
 * An object of a database, of which reads that go on where an earlier one ended ask for more and more, so that
 * neighbouring blocks share a request: a reader that goes through data and index at the same time has both at hand.
 */
export function rangedObject(place: DatabasePlace, name: string, size: number): RangedSource {
  return new ObjectSource(place, name, size)
}

/** What was fetched at once. */
interface Window {
  readonly offset: number
  readonly bytes: Uint8Array
}

/** Of a read that is larger than it reads ahead there is one alone: a block may have 64 MiB. */
const maxWindows = 3
/** What a request takes is seldom less than 10 ms, in which 64 KiB pass at 6 MB/s. */
const minReadAhead = 64 * 1024
const maxReadAhead = 1024 * 1024
/** Reading over a smaller gap costs less than another request. */
const maxGap = 16 * 1024

class ObjectSource implements RangedSource {
  readonly name: string
  readonly size: number
  readonly #place: DatabasePlace
  readonly #key: string
  /** The one used last is the last. */
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

/** Whether a read at the offset, which the window does not hold to its end, goes on where the window was read. */
function continues(window: Window, offset: number): boolean {
  return window.offset < offset && offset <= endOf(window) + maxGap
}
