import { EnvError } from '../env/env-error.js'
import type { StateSelector } from '../env/state-selector.js'
import { interruptible } from './interruptible.js'
import { noDatabase } from './no-database.js'
import { type Progress, startProgress } from './output/progress.js'
import { type ConnectionOptions, type StateOptions, withPlaces } from './store-options.js'
import { UsageError } from './usage-error.js'

/** Options with which the functions of src/operations report their progress, and are ended. */
export interface MovingHooks {
  readonly signal: AbortSignal
  onStart(bytes: number): void
  onBytes(bytes: number): void
}

/** Runs a command that moves a database, with its progress, and lets it clean up when it is interrupted. */
export async function moving<T>(step: string, work: (hooks: MovingHooks) => Promise<T>): Promise<T> {
  return await interruptible(async (signal) => {
    let progress: Progress | undefined
    try {
      return await work({
        signal,
        onStart(total) {
          progress?.end()
          progress = startProgress(step, { unit: 'bytes', total })
        },
        onBytes: (bytes) => progress?.add(bytes),
      })
    } finally {
      progress?.end()
    }
  })
}

/** Says what there is instead, if the database that was to be read is none. */
export async function explainingNoDatabase<T>(
  url: string,
  options: ConnectionOptions & StateOptions & { readonly at?: StateSelector },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!EnvError.is(error, 'NotFound')) throw error
    if (options.at !== undefined) throw new UsageError(`--at: ${error.message}`, { cause: error })
    throw await withPlaces(url, options, ([place]) => noDatabase(place, options.cookie ?? ''))
  }
}
