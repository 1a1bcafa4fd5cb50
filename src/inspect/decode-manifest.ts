import { setImmediate } from 'node:timers/promises'
import { readLog } from '../format/log-record.js'
import { type Manifest, ManifestBuilder } from '../format/manifest.js'
import { decodeVersionEdit } from '../format/version-edit.js'

/** After so much, timers and signals get their turn: decoding it takes some milliseconds, and 200 at most. */
export const breathBytes = 2 ** 20

/**
 * Reads a whole MANIFEST as `readManifest` does, and lets signals end that: a large one takes many seconds.
 * @param name how errors call it.
 * @param most of what is held, as `readManifest` has it.
 * @throws EnvError Corruption, NotSupported
 */
export async function decodeManifest(
  bytes: Uint8Array,
  { name, most }: { readonly name: string; readonly most: number },
): Promise<Manifest> {
  const builder = new ManifestBuilder(name, most)
  let breath = breathBytes
  for (const { start, end, payload } of readLog(bytes, { name, tail: 'strict' })) {
    builder.add({ start, end, edit: decodeVersionEdit(payload, start, name, most) })
    if (end > breath) {
      await setImmediate()
      breath = end + breathBytes
    }
  }
  return builder.build({ tail: 'strict' })
}
