import { formatBytes, formatCount, formatSeconds } from './text.js'

/** One step of a long work, as it goes on. */
export interface Progress {
  /** So much more of it is done. */
  add(amount: number): void
  /** The step is over: the line on a terminal goes away. */
  end(): void
}

export interface ProgressOptions {
  /** What is counted. Without it, only the time is told that the step takes. */
  readonly unit?: 'bytes' | 'objects' | 'tables' | 'entries' | 'databases'
  /** How much there will be, where that is known. */
  readonly total?: number
}

const firstShownMs = 1_000
const terminalEveryMs = 100
/** A log is read later: a line in ten seconds is enough to see that it goes on. */
const logEveryMs = 10_000
const clearLine = '\r\u001b[K'

/**
 * Tells on standard error how a step goes on that takes longer than a second: on a terminal one line that changes, with
 * rate and time left, elsewhere a line now and then.
 */
export function startProgress(step: string, { unit, total }: ProgressOptions): Progress {
  const isTerminal = process.stderr.isTTY === true
  const start = performance.now()
  let done = 0
  let isShown = false

  const show = () => {
    const seconds = (performance.now() - start) / 1000
    const line = progressLine({
      step,
      done,
      seconds,
      ...(unit !== undefined && { unit }),
      ...(total !== undefined && { total }),
    })
    process.stderr.write(isTerminal ? `${clearLine}${line}` : `${line}\n`)
    isShown = true
  }
  const clear = () => {
    if (isTerminal && isShown) process.stderr.write(clearLine)
  }
  const interrupted = () => {
    clear()
    // With our listener gone, the signal ends the process as it does where nobody listens.
    process.off('SIGINT', interrupted)
    process.kill(process.pid, 'SIGINT')
  }

  let timer = setTimeout(function again() {
    show()
    timer = setTimeout(again, isTerminal ? terminalEveryMs : logEveryMs).unref()
  }, firstShownMs).unref()
  process.on('SIGINT', interrupted)
  return {
    add: (amount) => {
      done += amount
    },
    end: () => {
      clearTimeout(timer)
      clear()
      process.off('SIGINT', interrupted)
    },
  }
}

/** {@link startProgress}, ended when the work is. */
export async function withProgress<T>(
  step: string,
  options: ProgressOptions,
  work: (progress: Progress) => Promise<T>,
): Promise<T> {
  const progress = startProgress(step, options)
  try {
    return await work(progress)
  } finally {
    progress.end()
  }
}

interface ProgressState extends ProgressOptions {
  readonly step: string
  readonly done: number
  /** Since the step began. */
  readonly seconds: number
}

/** For example `checking: 1,200 of 5,000 tables, 400/s, 9 s left`, or `opening: 3 s`. */
export function progressLine({ step, unit, total, done, seconds }: ProgressState): string {
  if (unit === undefined) return `${step}: ${formatSeconds(Math.round(seconds))}`
  const amount = (value: number) => (unit === 'bytes' ? formatBytes(value) : formatCount(Math.round(value)))
  const rate = done / seconds
  // More may be done than was thought: what is read again, or came to be meanwhile.
  const counted = total === undefined ? amount(done) : `${amount(Math.min(done, total))} of ${amount(total)}`
  const parts = [unit === 'bytes' ? counted : `${counted} ${unit}`, `${amount(rate)}/s`]
  if (total !== undefined && rate > 0) parts.push(`${formatSeconds(Math.max(0, total - done) / rate)} left`)
  return `${step}: ${parts.join(', ')}`
}
