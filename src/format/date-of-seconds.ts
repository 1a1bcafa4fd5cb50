/** What a Date can hold. */
const maxSeconds = 8.64e12

/** A time as RocksDB stores it. Undefined for 0, which stands for one that is not known, and for what no Date can be. */
export function dateOfSeconds(seconds: number): Date | undefined {
  return seconds > 0 && seconds <= maxSeconds ? new Date(seconds * 1000) : undefined
}
