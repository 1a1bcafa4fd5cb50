/**
 * The states of a database that its MANIFESTs tell of, present and past ones. No edit of a MANIFEST has a time; the
 * store's own times of the files bound it: see {@link HistoryState.time}.
 */
import type { Places } from './database-place.js'
import {
  type FetchedLog,
  fetchLogs,
  type LoggedHistory,
  type ReadLogsOptions,
  readLogs,
} from './history-logs.js'
import { type HistoryState, statesOf } from './history-states.js'
import { decodingProblem, type Problem } from './problem.js'

export interface History {
  readonly url: string
  /** Newest first. */
  readonly states: readonly HistoryState[]
  /** True if there are older states beyond the limit. */
  readonly hasMore: boolean
  /** Milliseconds for which the owner keeps what the database no longer needs; undefined: unknown. */
  readonly retentionMs: number | undefined
  /** Problems of logs: states after the first edit that cannot be read are left out. */
  readonly problems: readonly Problem[]
}

export interface ReadHistoryOptions extends ReadLogsOptions {
  /** Most states to return. Default: {@link defaultLimit}. */
  readonly limit?: number
}

/** A state takes some 300 bytes. */
const defaultLimit = 100_000

/**
 * Newest states of a cookie; undefined if there is no such database.
 * @throws EnvError Corruption: the CLOUDMANIFEST is damaged; errors of the store.
 */
export async function readHistory(
  places: Places,
  cookie: string,
  { limit = defaultLimit, ...options }: ReadHistoryOptions = {},
): Promise<History | undefined> {
  return readLogs(places, cookie, options, async (logged) => {
    const states: HistoryState[] = []
    const problems: Problem[] = []
    let hasMore = false
    for await (const fetched of fetchLogs(logged)) {
      const newest = new Newest<HistoryState>(limit - states.length)
      for await (const state of readableStates(fetched, logged, problems)) newest.add(state)
      states.push(...newest.reversed())
      hasMore ||= newest.hasMore
      if (hasMore) break
    }
    if (logged.unreached && states[0]?.isOpenable === false) throw logged.unreached
    return { url: logged.url, states, hasMore, retentionMs: logged.retentionMs, problems }
  })
}

/** States of a log, oldest first, up to the first edit that cannot be read. */
export async function* readableStates(
  fetched: FetchedLog,
  logged: LoggedHistory,
  problems: Problem[],
): AsyncGenerator<HistoryState> {
  try {
    yield* statesOf(fetched, logged)
  } catch (error) {
    problems.push(decodingProblem(error, fetched.content.url))
  }
}

/** The last of many, up to a limit. */
class Newest<T> {
  readonly #limit: number
  readonly #ring: T[] = []
  #count = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get hasMore(): boolean {
    return this.#count > this.#limit
  }

  add(item: T): void {
    if (this.#limit > 0) this.#ring[this.#count % this.#limit] = item
    this.#count += 1
  }

  reversed(): T[] {
    const held = this.#ring.length
    return Array.from({ length: held }, (_, at) => this.#ring[(this.#count - 1 - at) % this.#limit]!)
  }
}
