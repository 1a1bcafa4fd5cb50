import { EnvError } from '../env/env-error.js'
import type { CloudManifest } from './cloud-manifest.js'

/**
 * Period of ownership: the suffix of every object written during it. 1 to 16 characters of `[0-9a-f]`, or empty for
 * files that a plain RocksDB wrote before it moved to the store.
 */
export type Epoch = string & { readonly __brand: 'Epoch' }

const pattern = /^[0-9a-f]{0,16}$/
const allDecimal = /^[0-9]*$/

/** Parses the text as an epoch; undefined if it is none. */
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

/** Epoch during which file `fileNumber` was written. */
export function epochOf({ past, current }: CloudManifest, fileNumber: number): Epoch {
  // Find the first epoch that ends after the file. There may be a million, and this runs for each file.
  let [first, end] = [0, past.length]
  while (first < end) {
    const middle = Math.floor((first + end) / 2)
    if (past[middle]!.end > fileNumber) end = middle
    else first = middle + 1
  }
  return past[first]?.epoch ?? current
}

/** Manifest as it was in its past epoch of that rank: that one is current, and only those before it are past. */
export function cutAfter({ past }: CloudManifest, rank: number): CloudManifest {
  return { past: past.slice(0, rank), current: past[rank]!.epoch }
}

/**
 * Manifest in which `epoch` is current and owns the files from number `start` on. Throws if files of an earlier epoch
 * would change hands, or if the epoch is not new.
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

/**
 * Current epoch in the CLOUDMANIFEST of a database that is being destroyed. It is shorter than any new epoch, and no
 * MANIFEST has it: a program that does not know it finds a database that it cannot open.
 */
const destroyedEpoch = 'dead' as Epoch

/**
 * Current epoch in the CLOUDMANIFEST of a database that is destroyed but for what clones need: a new database may replace
 * it.
 */
const cededEpoch = 'ceded' as Epoch

/**
 * Manifest of a database that is being destroyed: it leads to no file, but still has the epochs that wrote the files.
 */
export function markDestroyed(manifest: CloudManifest): CloudManifest {
  if (isDestroyed(manifest)) return { past: manifest.past, current: destroyedEpoch }
  return addEpoch(manifest, manifest.past.at(-1)?.end ?? 0, destroyedEpoch)
}

/** Manifest of a destroyed database whose place a new one may take. */
export function markCeded(manifest: CloudManifest): CloudManifest {
  return { past: markDestroyed(manifest).past, current: cededEpoch }
}

/** Reports whether the database is destroyed, or being destroyed. */
export function isDestroyed({ current }: CloudManifest): boolean {
  return current === destroyedEpoch || current === cededEpoch
}

export function isCeded({ current }: CloudManifest): boolean {
  return current === cededEpoch
}
