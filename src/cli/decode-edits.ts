import type { BoundedObject } from '../catalog/get-first.js'
import type { ReadEditsResult } from '../catalog/read-manifests.js'
import type { PlacedEdit } from '../catalog/version-edits.js'
import { startProgress } from './output/progress.js'

/** Runs {@link readEdits} and shows its progress. */
export async function decodeEdits(
  manifest: BoundedObject,
  onEdit: (edit: PlacedEdit) => Promise<void>,
): Promise<ReadEditsResult> {
  const { readEdits } = await import('../catalog/read-manifests.js')
  // Edits on a terminal show the progress themselves.
  const progress = process.stdout.isTTY
    ? undefined
    : startProgress('decoding', { unit: 'bytes', total: manifest.object.size })
  try {
    return await readEdits(manifest, async (placed) => {
      await onEdit(placed)
      progress?.add(placed.end - placed.start)
    })
  } finally {
    progress?.end()
  }
}
