/**
 * Spreads bytes over time. What is let through in any span of time is at most what the rate allows for that span, and one
 * portion more.
 */
export class Pace {
  readonly #bytesPerMs: number
  /** Time at which everything let through so far is paid for. */
  #paidAtMs = Number.NEGATIVE_INFINITY

  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1000
  }

  /** Takes a portion. @returns milliseconds to wait before it may go. */
  delayMs(nowMs: number, bytes: number): number {
    const startMs = Math.max(nowMs, this.#paidAtMs)
    this.#paidAtMs = startMs + bytes / this.#bytesPerMs
    return startMs - nowMs
  }
}
