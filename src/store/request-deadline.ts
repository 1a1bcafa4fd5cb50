import type { Clock } from '../env/clock.js'
import { Abortable } from './abortable.js'
import type { Deadline, Send } from './send.js'

/** 64 KiB a second. A slower store is as good as unavailable. */
const minBytesPerMs = 64

/** A copy of 5 GiB, or the completion of 10,000 parts, takes S3 minutes; it sends blanks meanwhile. */
const serverWorkMs = 600_000

/**
 * Bounds one request, including the body of its answer. The idle time-out bounds silence on the connection, but a byte
 * now and then keeps it from ever running out.
 */
export class RequestDeadline implements Deadline {
  readonly #clock: Clock
  readonly #work: Abortable
  readonly #start: number
  #timeoutMs: number
  #cancelTimer: () => void = () => {}

  constructor(clock: Clock, timeoutMs: number, parent?: AbortSignal) {
    this.#clock = clock
    this.#work = new Abortable(parent)
    this.#start = clock.elapsed()
    this.#timeoutMs = timeoutMs
  }

  get signal(): AbortSignal {
    return this.#work.signal
  }

  allow(bytes: number | undefined): void {
    this.#prolong((bytes ?? 0) / minBytesPerMs)
  }

  allowServerWork(): void {
    this.#prolong(serverWorkMs)
  }

  /** Settles as `action` does, or rejects as soon as {@link signal} aborts. */
  async enforce<T>(action: () => Promise<T>): Promise<T> {
    this.#startTimer()
    try {
      return await this.#work.untilAborted(action)
    } finally {
      this.#cancelTimer()
    }
  }

  #prolong(ms: number): void {
    this.#timeoutMs += ms
    this.#startTimer()
  }

  #startTimer(): void {
    this.#cancelTimer()
    const leftMs = this.#start + this.#timeoutMs - this.#clock.elapsed()
    const expire = () => {
      const error = new Error(`not done within ${Math.round(this.#timeoutMs / 1000)} s`)
      this.#work.abort(Object.assign(error, { name: 'TimeoutError' }))
    }
    // Somebody waits for the answer, and the store may have nothing open that keeps the process alive.
    const keepAlive = { keepAlive: true }
    this.#cancelTimer = this.#clock.after(Math.max(0, leftMs), expire, keepAlive)
  }
}

export interface RequestLimits {
  readonly clock: Clock
  /** Time of an attempt that moves no content. Default 30 s. */
  readonly timeoutMs: number | undefined
}

/** Bounds the time of each attempt. The innermost wrapper: see {@link Send}. */
export function limiting({ clock, timeoutMs = defaultTimeoutMs }: RequestLimits): Send {
  return (request, attempt) => {
    const deadline = new RequestDeadline(clock, timeoutMs, request.signal)
    return deadline.enforce(() => attempt(deadline))
  }
}

/** Bounds the time of something that is no request, such as the opening of a store. */
export function withinTime<T>(
  { clock, timeoutMs = defaultTimeoutMs }: RequestLimits,
  action: () => Promise<T>,
): Promise<T> {
  return new RequestDeadline(clock, timeoutMs).enforce(action)
}

const defaultTimeoutMs = 30_000
