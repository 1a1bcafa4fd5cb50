/** Limit of a Date. */
const maxSeconds = 8.64e12

/**
 * A time as RocksDB stores it. Undefined for 0, which stands for an unknown time, and for times that no Date can hold.
 */
export function dateOfSeconds(seconds: number): Date | undefined {
  return seconds > 0 && seconds <= maxSeconds ? new Date(seconds * 1000) : undefined
}
