import type { Clock } from './clock.js'

/** Soon enough for a waiting caller, seldom enough to cost nothing. */
const repeatMs = 200

/**
 * Calls back once `ms` have passed, and again and again after that, since more work of the same kind may follow the
 * work that was ended. The returned function stops it.
 */
export function whenOverdue(clock: Clock, ms: number, callback: () => void): () => void {
  let cancel = clock.after(ms, function overdue() {
    cancel = clock.after(repeatMs, overdue)
    callback()
  })
  return () => cancel()
}
