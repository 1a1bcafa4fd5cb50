/** What was asked for cannot be done as it was asked. The message says what to do instead; exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
