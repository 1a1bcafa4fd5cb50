import { objectName } from '#src/format/file-name.js'
import type { Machine } from './machine.js'

/** A line of history: the states of one CLOUDMANIFEST, and what is expected of them. */
export class Line {
  readonly path: string
  readonly cookie: string
  readonly rootKey: string
  /** The line that it begins with. */
  readonly parent: Line | undefined
  stage: 'expected' | 'present' | 'gone' = 'expected'
  /** True once somebody began to remove it. */
  isDoomed = false
  /** Least time for which an owner has kept what it no longer needs. */
  keptMs = Number.POSITIVE_INFINITY
  beganAtMs = 0
  /** Keys that it began with or that a flush acknowledged, and when. */
  readonly flushedAtMs = new Map<string, number>()
  /** Times at which keys were put. */
  readonly putAtMs = new Map<string, number>()
  /** Keys in logs of states that somebody else took over: they are never replayed. */
  readonly setAside = new Set<string>()
  /** Machine whose opening the CLOUDMANIFEST names. */
  owner: Machine | undefined

  constructor(path: string, cookie: string, parent?: Line) {
    this.path = path
    this.cookie = cookie
    this.parent = parent
    this.rootKey = `${path}/${objectName({ kind: 'cloudManifest', cookie })}`
  }

  begin(keys: ReadonlySet<string>, nowMs: number): void {
    this.stage = 'present'
    this.isDoomed = false
    this.beganAtMs = nowMs
    this.flushedAtMs.clear()
    for (const key of keys) this.flushed(key, nowMs)
  }

  flushed(key: string, nowMs: number): void {
    if (!this.flushedAtMs.has(key)) this.flushedAtMs.set(key, nowMs)
  }

  /** A copy: the expectation of somebody who reads from now on. */
  expectation(atMs = Number.POSITIVE_INFINITY): LineExpectation {
    const flushed = [...this.flushedAtMs].filter(([, ms]) => ms <= atMs).map(([key]) => key)
    const lackOf = (keys: ReadonlySet<string>) => {
      const lost = flushed.filter((key) => !keys.has(key))
      return lost.length > 0 ? `lacks ${lost.join(' ')}` : undefined
    }
    return {
      isEmpty: flushed.length === 0,
      lackOf,
      flawOf: (keys) => {
        const lack = lackOf(keys)
        if (lack !== undefined) return lack
        const wrong = [...keys].filter((key) => this.setAside.has(key) || (this.putAtMs.get(key) ?? 0) > atMs)
        return wrong.length > 0
          ? `has ${wrong.join(' ')}, put later or of a log that was set aside`
          : undefined
      },
    }
  }
}

export interface LineExpectation {
  /** True if there need not be a state. */
  readonly isEmpty: boolean
  /** Keys that a state with these lacks. */
  lackOf(keys: ReadonlySet<string>): string | undefined
  /** Also keys that it should not have. */
  flawOf(keys: ReadonlySet<string>): string | undefined
}
