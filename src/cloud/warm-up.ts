import { totalSize } from '../catalog/total-size.js'
import { type Clock, sleep } from '../env/clock.js'
import type { WarmUpOptions, WarmUpProgress, WarmUpResult } from '../env/warm-up.js'
import { parseSize } from '../options/size.js'
import type { Purpose } from './cache-budget.js'
import type { CachedFile } from './cached-file.js'
import { Pace } from './pace.js'

/** What one request fetches at most. */
const maxStepBytes = 4 << 20
/** Two keep a line of 1 GBit/s busy; four are few enough for the requests of readers to come through. */
const concurrentSteps = 4
/** A slower warm-up makes pauses between its steps. */
const minStepBytes = 64 << 10
const progressMs = 100

export interface WarmUpTerms extends Pick<WarmUpOptions, 'maxBytesPerSecond' | 'signal' | 'onProgress'> {
  /** Purpose of its reservations. Default: to evict what was not read since it began, but none of its files. */
  readonly purpose?: Purpose
}

/**
 * Fetches the files into the cache, in their order, step by step. A reader that needs the same chunks waits for the same
 * request. Without room it ends. Once the promise settles nothing goes on.
 */
export async function warmUp(
  files: readonly CachedFile[],
  clock: Clock,
  terms: WarmUpTerms = {},
): Promise<WarmUpResult> {
  return new WarmUp(files, clock, terms).run()
}

/** A range of a file. */
interface Step {
  readonly file: CachedFile
  readonly offset: number
  readonly length: number
}

class WarmUp {
  readonly #files: ReadonlySet<CachedFile>
  readonly #clock: Clock
  readonly #terms: WarmUpTerms
  readonly #purpose: Purpose
  readonly #pace: Pace | undefined
  readonly #steps: Iterator<Step>
  /** Bytes still to be held, by file. */
  readonly #rest: Map<CachedFile, number>
  readonly #totalBytes: number
  #bytes = 0
  #fetchedBytes = 0
  #isFull = false
  #failure: { readonly error: unknown } | undefined
  #reportedAtMs: number

  constructor(files: readonly CachedFile[], clock: Clock, terms: WarmUpTerms) {
    const { maxBytesPerSecond } = terms
    const rate =
      maxBytesPerSecond === undefined ? undefined : parseSize(maxBytesPerSecond, 'maxBytesPerSecond')
    this.#files = new Set(files)
    this.#clock = clock
    this.#terms = terms
    this.#purpose = terms.purpose ?? { for: 'warmUp', spared: this.#files }
    this.#pace = rate === undefined ? undefined : new Pace(rate)
    this.#steps = stepsOf(files, stepBytes(rate, files[0]?.grid.chunkBytes))
    this.#rest = new Map(files.map((file) => [file, file.size]))
    this.#totalBytes = totalSize(files)
    this.#reportedAtMs = clock.elapsed()
  }

  async run(): Promise<WarmUpResult> {
    this.#terms.signal?.throwIfAborted()
    for (const file of this.#files) if (file.size === 0) this.#rest.delete(file)
    this.#report()
    await Promise.all(Array.from({ length: concurrentSteps }, () => this.#work()))
    if (this.#failure) throw this.#failure.error
    this.#terms.signal?.throwIfAborted()
    this.#report()
    return {
      ...this.#progress,
      fetchedBytes: this.#fetchedBytes,
      end: this.#isFull ? 'cacheFull' : 'complete',
    }
  }

  get #progress(): WarmUpProgress {
    return {
      files: this.#files.size - this.#rest.size,
      bytes: this.#bytes,
      totalFiles: this.#files.size,
      totalBytes: this.#totalBytes,
    }
  }

  get #hasEnded(): boolean {
    return this.#isFull || this.#failure !== undefined || this.#terms.signal?.aborted === true
  }

  /** Takes one step after the other, until there is none or somebody has ended. Never rejects. */
  async #work(): Promise<void> {
    while (!this.#hasEnded) {
      const { value: step, done } = this.#steps.next()
      if (done) return
      try {
        await this.#take(step)
      } catch (error) {
        this.#failure ??= { error }
      }
    }
  }

  async #take({ file, offset, length }: Step): Promise<void> {
    const missingBytes = file.missingBytes(offset, length)
    if (missingBytes > 0 && this.#pace) {
      const delayMs = this.#pace.delayMs(this.#clock.elapsed(), missingBytes)
      if (delayMs > 0) await sleep(this.#clock, delayMs, this.#terms.signal)
      if (this.#hasEnded) return
    }
    const fetchedBytes = await file.fill(offset, length, this.#purpose)
    if (fetchedBytes === undefined && !file.isRemoved) {
      this.#isFull = true
      return
    }
    this.#fetchedBytes += fetchedBytes ?? 0
    this.#count(file, length)
  }

  #count(file: CachedFile, length: number): void {
    this.#bytes += length
    const rest = this.#rest.get(file)! - length
    if (rest === 0) this.#rest.delete(file)
    else this.#rest.set(file, rest)
    if (this.#clock.elapsed() - this.#reportedAtMs >= progressMs) this.#report()
  }

  #report(): void {
    this.#reportedAtMs = this.#clock.elapsed()
    this.#terms.onProgress?.(this.#progress)
  }
}

/** At most what the rate allows in a second, so that a slow warm-up does not come in bursts. */
function stepBytes(bytesPerSecond = maxStepBytes, chunkBytes = minStepBytes): number {
  const least = Math.max(minStepBytes, chunkBytes)
  const bytes = Math.floor(bytesPerSecond / least) * least
  return Math.min(maxStepBytes, Math.max(least, bytes))
}

function* stepsOf(files: readonly CachedFile[], bytes: number): Generator<Step, undefined> {
  for (const file of files)
    for (let offset = 0; offset < file.size; offset += bytes)
      yield { file, offset, length: Math.min(bytes, file.size - offset) }
}
