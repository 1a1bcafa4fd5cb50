import type { Run } from '../table/chunk-grid.js'
import type { ChunkMap } from './chunk-map.js'

/**
 * Times that the hand passes a chunk before it takes it: so many more for each round in which somebody came back to it, up
 * to a bound. With fewer, scans would push out hot chunks, each of which is read in few of the rounds. A chunk that was
 * fetched for a reader has one life, one that was read ahead has none: a scan leaves as it came.
 * `npm run bench -- cache` compares.
 */
const livesPerReturn = 6
export const maxLives = 16

/** Lives of a chunk, or a file that leaves as a whole, to which somebody came back. */
export function livesAfterReturn(lives: number): number {
  return Math.min(maxLives, lives + livesPerReturn)
}

export interface Passed {
  /** Chunks to take out. */
  readonly leaving: readonly Run[]
  /** Their bytes. */
  readonly bytes: number
  /** Chunks that the hand passed, from `first` to before `end`: their marks may have changed. */
  readonly passed: Run
  /** True if the hand has come to the end of the file. */
  readonly isThrough: boolean
}

/**
 * Order in which the chunks of a file leave: a hand goes around over them, as that of a clock, and takes those that
 * nobody has read for some rounds.
 */
export class ChunkClock {
  readonly #map: ChunkMap
  readonly #lives: Uint8Array
  #hand = 0

  constructor(map: ChunkMap) {
    this.#map = map
    this.#lives = new Uint8Array(map.chunkCount)
  }

  /** Chunks are about to be present. Some may be already. */
  arriving({ first, end }: Run): void {
    for (let chunk = first; chunk < end; chunk++) if (!this.#map.has(chunk)) this.#lives[chunk] = 0
  }

  /** Spares chunks once: somebody is about to read them. */
  spare({ first, end }: Run): void {
    for (let chunk = first; chunk < end; chunk++) this.#lives[chunk] ||= 1
  }

  /** Takes all chunks for unread, until they are read again. */
  forgetReads(): void {
    this.#lives.fill(0)
  }

  /**
   * Moves the hand on until so many bytes may leave, or to the end of the file.
   * @param marks of the chunks, not 0 where one was read. The hand resets those that it takes note of.
   * @param options.ages false: the hand takes nobody's life.
   * @param options.isHeld chunks that have to stay.
   */
  pass(
    bytes: number,
    marks: Uint8Array,
    { ages, isHeld }: { readonly ages: boolean; readonly isHeld: (chunk: number) => boolean },
  ): Passed {
    const map = this.#map
    const first = this.#hand
    const leaving: { readonly first: number; end: number }[] = []
    let leavingBytes = 0
    let chunk = first
    for (; chunk < map.chunkCount && leavingBytes < bytes; chunk++) {
      if (!map.has(chunk) || isHeld(chunk) || this.#isSpared(chunk, marks, ages)) continue
      leavingBytes += map.sizeOf(chunk)
      const run = leaving.at(-1)
      if (run?.end === chunk) run.end += 1
      else leaving.push({ first: chunk, end: chunk + 1 })
    }
    const isThrough = chunk === map.chunkCount
    this.#hand = isThrough ? 0 : chunk
    return { leaving, bytes: leavingBytes, passed: { first, end: chunk }, isThrough }
  }

  #isSpared(chunk: number, marks: Uint8Array, ages: boolean): boolean {
    const lives = this.#lives
    if (marks[chunk] !== 0) {
      if (ages) {
        marks[chunk] = 0
        lives[chunk] = livesAfterReturn(lives[chunk]!)
      }
      return true
    }
    if (lives[chunk] === 0) return false
    if (ages) lives[chunk]! -= 1
    return true
  }
}
