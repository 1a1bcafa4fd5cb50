import { removeSocketDirectories } from '../host/socket-directory.js'

const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']

/**
 * From here on a signal ends the process at once, whatever RocksDB waits for, and leaves no socket behind.
 * @returns what makes signals be what they were before.
 */
export function stopAtSignals(): () => void {
  const stop = (signal: NodeJS.Signals) => {
    removeSocketDirectories()
    stopped()
    // With our listener gone, the signal does what it does where nobody listens.
    process.kill(process.pid, signal)
  }
  const stopped = () => {
    for (const signal of signals) process.off(signal, stop)
  }
  for (const signal of signals) process.on(signal, stop)
  return stopped
}
