import { EnvError } from '../env/env-error.js'
import type { RangedSource } from './ranged-source.js'

/**
 * Resolves with the result of `read`. If it finds damage, it runs again, with nothing held of the first read: the
 * answer may have been bad and the object sound.
 * @throws EnvError Corruption: it is damaged both times.
 */
export async function readTwice<T>(source: RangedSource, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (!EnvError.is(error, 'Corruption')) throw error
    await source.forget()
    return read()
  }
}
