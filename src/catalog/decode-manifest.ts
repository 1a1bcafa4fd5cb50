import { setImmediate } from 'node:timers/promises'
import { firstBytes } from './get-first.js'
import { type Manifest, ManifestBuilder, readManifest } from './manifest.js'
import { versionEdits } from './version-edits.js'

/** Decoding this much takes some milliseconds, 200 at most. */
const breathBytes = 2 ** 20

/** Tells a pass over a large MANIFEST when to give timers and signals their turn. */
export class Breath {
  #due = breathBytes

  /** @param end offset reached so far, in bytes. */
  async at(end: number): Promise<void> {
    await setImmediate()
    this.#due = end + breathBytes
  }

  isDue(end: number): boolean {
    return end > this.#due
  }
}

/**
 * Reads a whole MANIFEST as {@link readManifest} does, but lets signals interrupt it: a large one takes many seconds.
 * @param name of the file in errors.
 * @param limit limit on what is held, as in `readManifest`.
 * @throws EnvError Corruption, NotSupported
 */
export async function decodeManifest(
  bytes: Uint8Array,
  { name, limit }: { readonly name: string; readonly limit?: number },
): Promise<Manifest> {
  const options = { name, tail: 'strict', ...(limit !== undefined && { limit }) } as const
  // This takes less than a second. A MANIFEST that came with the first piece counts before another one is decoded;
  // larger ones are decoded one at a time.
  if (bytes.length <= firstBytes) return readManifest(bytes, options)
  const builder = new ManifestBuilder(name, limit)
  const breath = new Breath()
  for (const placed of versionEdits(bytes, options)) {
    builder.add(placed)
    if (breath.isDue(placed.end)) await breath.at(placed.end)
  }
  return builder.build(options)
}
