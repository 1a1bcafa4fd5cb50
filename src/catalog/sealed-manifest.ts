import { objectName } from '../format/file-name.js'
import { writeMark } from '../store/cas-object.js'
import type { Manifest } from './manifest.js'
import { type Decoded, readStoredManifest, type SoundRoot } from './state-objects.js'
import { isOfEpoch } from './visibility.js'

/**
 * MANIFEST of the previous epoch, if it is provably the state of a CLOUDMANIFEST whose own MANIFEST is missing.
 *
 * Versions before 0.2 began an epoch with a copy of the sealed MANIFEST, and deleted that copy if a doubled request
 * made them believe that they had lost the claim. They gave all writes of one claim the same mark; later versions mark
 * each write, so an older state never replaces a missing MANIFEST of theirs. Nothing was written in the epoch, and it
 * begins where the sealed MANIFEST ends.
 * @param root the CLOUDMANIFEST.
 * @param names of the objects at its place.
 */
export async function sealedManifest(
  root: SoundRoot,
  names: Iterable<string>,
): Promise<Decoded<Manifest> | undefined> {
  const { place, value } = root
  const { past, current } = value
  const previous = past.at(-1)
  const mark = root.object.metadata[writeMark]
  if (!previous || mark === undefined || [...names].some((name) => isOfEpoch(name, current))) return undefined
  const name = objectName({ kind: 'manifest', epoch: previous.epoch })
  const found = await readStoredManifest([place], name)
  if (!found || found.error || found.object.metadata[writeMark] !== mark) return undefined
  return found.value.lastNextFileNumber === previous.end ? found : undefined
}
