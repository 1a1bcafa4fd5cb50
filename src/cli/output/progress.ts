import { formatBytes, formatCount, formatSeconds } from './text.js'

/** One step of a long task, as it progresses. */
export interface Progress {
  /** Adds to the amount that is done. */
  add(amount: number): void
  /** Ends the step: the line on a terminal goes away. */
  end(): void
}

export interface ProgressOptions {
  /** Unit that is counted. Without it, only the time of the step is shown. */
  readonly unit?: 'bytes' | 'objects' | 'tables' | 'entries' | 'databases'
  /** Total amount, if known. */
  readonly total?: number
}

const firstShownMs = 1_000
const terminalEveryMs = 100
/** A log is read later: one line in ten seconds is enough to show progress. */
const logEveryMs = 10_000
const clearLine = '\r\u001b[K'

/**
 * Reports on standard error the progress of a step that takes longer than a second: on a terminal in one changing line,
 * with rate and time left, elsewhere in a line now and then.
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
    // With our listener gone, and no other, the signal ends the process as if nobody listened.
    process.off('SIGINT', interrupted)
    if (process.listenerCount('SIGINT') === 0) process.kill(process.pid, 'SIGINT')
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

/** Runs {@link startProgress} until the work ends. */
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
  /** Seconds since the step began. */
  readonly seconds: number
}

/** Example: `checking: 1,200 of 5,000 tables, 400/s, 9 s left`, or `opening: 3 s`. */
export function progressLine({ step, unit, total, done, seconds }: ProgressState): string {
  if (unit === undefined) return `${step}: ${formatSeconds(Math.round(seconds))}`
  const amount = (value: number) => (unit === 'bytes' ? formatBytes(value) : formatCount(Math.round(value)))
  const rate = done / seconds
  // More may be done than was expected: some is read again, or appeared meanwhile.
  const counted = total === undefined ? amount(done) : `${amount(Math.min(done, total))} of ${amount(total)}`
  const parts = [unit === 'bytes' ? counted : `${counted} ${unit}`, `${amount(rate)}/s`]
  if (total !== undefined && rate > 0) parts.push(`${formatSeconds(Math.max(0, total - done) / rate)} left`)
  return `${step}: ${parts.join(', ')}`
}
