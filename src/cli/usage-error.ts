/** A request that cannot be fulfilled as it stands. The message says what to do instead; exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
