import { EnvError } from '../env/env-error.js'
import type { CloudManifest } from './cloud-manifest.js'

/**
 * Names a period of ownership: the suffix of every object written during it. 1 to 16 characters of
 * `[0-9a-f]`, or empty for what a plain RocksDB wrote before it moved to the store.
 */
export type Epoch = string & { readonly __brand: 'Epoch' }

const pattern = /^[0-9a-f]{0,16}$/
const allDecimal = /^[0-9]*$/

/** The text as an epoch; undefined when it is none. */
export function parseEpoch(text: string): Epoch | undefined {
  return pattern.test(text) ? (text as Epoch) : undefined
}

/**
 * A fresh epoch of 16 characters, from 8 random bytes a draw. Never all-decimal: `MANIFEST-123` is
 * RocksDB's own name for a MANIFEST. (One draw in 1,800 is.)
 */
export function newEpoch(random: () => Uint8Array): Epoch {
  for (;;) {
    const text = Buffer.from(random().subarray(0, 8)).toString('hex')
    if (text.length !== 16) throw new RangeError(`expected 8 random bytes, got ${text.length / 2}`)
    if (!allDecimal.test(text)) return text as Epoch
  }
}

/** The epoch during which file `fileNumber` was written. */
export function epochOf({ past, current }: CloudManifest, fileNumber: number): Epoch {
  // The first that ends behind the file. There may be a million, and this is asked for each file.
  let [first, end] = [0, past.length]
  while (first < end) {
    const middle = Math.floor((first + end) / 2)
    if (past[middle]!.end > fileNumber) end = middle
    else first = middle + 1
  }
  return past[first]?.epoch ?? current
}

/**
 * The manifest in which `epoch` is current and owns the files from number `start` on. Throws when
 * files of an earlier epoch would change hands, or when the epoch is not new.
 */
export function addEpoch(manifest: CloudManifest, start: number, epoch: Epoch): CloudManifest {
  const lastEnd = manifest.past.at(-1)?.end ?? 0
  if (start < lastEnd) {
    throw new EnvError(
      'Corruption',
      `epoch ${epoch} cannot start at file ${start}: an earlier epoch reaches up to file ${lastEnd}. ` +
        'The MANIFEST is older than the CLOUDMANIFEST that names it',
    )
  }
  if ([...manifest.past.map((past) => past.epoch), manifest.current].includes(epoch)) {
    throw new EnvError('InvalidArgument', `epoch ${epoch} is in the CLOUDMANIFEST already; take a new one`)
  }
  return { past: [...manifest.past, { epoch: manifest.current, end: start }], current: epoch }
}
