import { endLike } from './run-program.js'

const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']

/**
 * Runs work that leaves things on this machine, and lets it clean up when a signal ends it: the first one aborts it, a
 * second one ends the process at once. The process ends by that signal, as if nobody had listened.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interruption = new AbortController()
  let received: NodeJS.Signals | undefined
  const listening = (change: 'on' | 'off') => {
    for (const name of signals) process[change](name, onSignal)
  }
  const onSignal = (signal: NodeJS.Signals) => {
    if (received !== undefined) {
      listening('off')
      process.kill(process.pid, signal)
    }
    received = signal
    interruption.abort(new Error(`ended by ${signal}. Repeated, the command goes on where it ended`))
  }
  listening('on')
  try {
    return await work(interruption.signal)
  } catch (error) {
    if (received === undefined) throw error
    throw interruption.signal.reason
  } finally {
    listening('off')
    if (received !== undefined) endLike({ signal: received })
  }
}
