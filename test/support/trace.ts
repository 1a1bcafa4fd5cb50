import { join } from 'node:path'
import { createCloudEnv } from '#src/cloud/cloud-env.js'
import { type Clock, systemClock } from '#src/env/clock.js'
import { realSystem } from '#src/env/system.js'
import { EnvHost } from '#src/host/env-host.js'
import { type CloudEnvOptions, cloudEnv, type HostedEnv } from '#src/index.js'
import { newRoot } from './machine.js'

/** A request, and when it began and ended: every beginning and end has a number of its own. */
export interface Request {
  readonly start: number
  readonly end: number
  readonly line: string
}

/** Number of requests that were made one after another, each once one before was answered. */
export function roundTrips(requests: readonly Request[]): number {
  let count = 0
  let end = Number.NEGATIVE_INFINITY
  for (const request of [...requests].sort((a, b) => a.end - b.end)) {
    if (request.start < end) continue
    count += 1
    end = request.end
  }
  return count
}

/** Advances by one at each reading, so that requests sort by their start, however long each took. */
function countingClock(): Clock {
  let ticks = 0
  return { ...systemClock, elapsed: () => ++ticks }
}

/** The requests that an Env makes, one a line, in the order in which they began. */
export class Trace {
  readonly #requests: Request[] = []
  readonly #names = new Map<string, string>()
  readonly #clock = countingClock()
  readonly #prefix: string
  readonly #watchers = new Set<() => void>()

  /** @param prefix of every key, left out. */
  constructor(prefix: string) {
    this.#prefix = prefix
  }

  async start(options: CloudEnvOptions): Promise<HostedEnv> {
    const env = await createCloudEnv(options, {
      system: { ...realSystem, clock: this.#clock },
      onRequest: ({ operation, key, milliseconds, outcome }) => {
        const name = key.startsWith(this.#prefix) ? key.slice(this.#prefix.length) : key
        // A batch of deletions reports only its first key, whichever that is.
        const line =
          operation === 'delete' ? operation : `${operation} ${name}${outcome === 'ok' ? '' : ' (fails)'}`
        const end = this.#clock.elapsed()
        this.#requests.push({ start: end - milliseconds, end, line })
        for (const look of this.#watchers) look()
      },
    })
    const host = await EnvHost.listen(env, join(newRoot(), 'env.sock'))
    return {
      start: async () => host.socketPath,
      defaultOptions: cloudEnv(options).defaultOptions,
      metrics: async () => undefined,
      close: () => host.close(),
    }
  }

  /** Requests since the last call, with epochs e1, e2…, tables t1, t2… and ids id1, id2… as they appear. */
  take(): string {
    return this.takeRequests()
      .map(({ line }) => line)
      .join('\n')
      .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => this.#name('id', id))
      .replaceAll(/(?<=-)[0-9a-f]{16}/g, (epoch) => this.#name('e', epoch))
      .replaceAll(/[0-9]{6}(?=\.sst)/g, (number) => this.#name('t', number))
  }

  /** Requests since the last call, as they began, with the names that they really have. */
  takeRequests(): Request[] {
    return this.#requests.splice(0).sort((a, b) => a.start - b.start)
  }

  /** Resolves once a request was made that matches. */
  async until(pattern: RegExp): Promise<void> {
    await new Promise<void>((resolve) => {
      const look = () => {
        if (!this.#requests.some(({ line }) => pattern.test(line))) return
        this.#watchers.delete(look)
        resolve()
      }
      this.#watchers.add(look)
      look()
    })
  }

  #name(kind: string, text: string): string {
    const known = [...this.#names.values()].filter((name) => name.startsWith(kind)).length
    const name = this.#names.get(text) ?? `${kind}${known + 1}`
    this.#names.set(text, name)
    return name
  }
}
