import type { Clock } from '../env/clock.js'

/** A range that is found damaged this soon after the store gave the same bytes twice is damaged in the store. */
const believedMs = 10_000

/**
 * Ranges of one file that were fetched again because of damage: each once, however many readers found it. A reader that
 * began before the fetch ended may have read the old bytes, and must not fetch them again either.
 */
export class Refetches {
  readonly #clock: Clock
  #recent: Refetch[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Calls `fetch` unless this range, from `first` to before `end`, has been fetched since the reader began.
   * @param ageMs time since the reader began.
   * @param fetch resolves with true if the range has other bytes now, undefined if that is unknown.
   */
  once(
    first: number,
    end: number,
    ageMs: number,
    fetch: () => Promise<boolean | undefined>,
  ): Promise<boolean> {
    const now = this.#clock.elapsed()
    this.#recent = this.#recent.filter(
      ({ endedMs }) => endedMs === undefined || endedMs >= now - Math.max(believedMs, ageMs),
    )
    const known = this.#recent.find(
      (refetch) =>
        refetch.first <= first &&
        end <= refetch.end &&
        (refetch.endedMs === undefined || refetch.endedMs >= now - ageMs || refetch.isSame),
    )
    return known?.outcome ?? this.#start(first, end, fetch)
  }

  #start(first: number, end: number, fetch: () => Promise<boolean | undefined>): Promise<boolean> {
    const refetch: Refetch = {
      first,
      end,
      endedMs: undefined,
      isSame: false,
      outcome: fetch().then(
        (isOther) => {
          refetch.endedMs = this.#clock.elapsed()
          refetch.isSame = isOther === false
          return isOther === true
        },
        (error: unknown) => {
          this.#recent = this.#recent.filter((other) => other !== refetch)
          throw error
        },
      ),
    }
    this.#recent.push(refetch)
    return refetch.outcome
  }
}

interface Refetch {
  readonly first: number
  readonly end: number
  /** Undefined while the fetch is under way. */
  endedMs: number | undefined
  isSame: boolean
  readonly outcome: Promise<boolean>
}
