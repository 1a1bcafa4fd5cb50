export const defaultFlushTimeoutMs = 60_000
/** Lets a close end within a minute, including the work after the flush. */
export const defaultCloseTimeoutMs = 45_000

/** 24 days: longest wait of a timer in Node, and the most that RocksDB's clock can add in nanoseconds. */
const maxTimeoutMs = 2 ** 31 - 1

export function boundedTimeout(timeoutMs: number): number {
  return Math.min(timeoutMs, maxTimeoutMs)
}
