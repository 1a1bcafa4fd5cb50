import type { PlacedEdit } from '../format/manifest.js'
import type { ReadEditsResult } from '../inspect/read-manifests.js'
import type { StateObject } from '../inspect/read-state.js'
import { startProgress } from './output/progress.js'

/** {@link readEdits}, telling how far it is. */
export async function decodeEdits(
  manifest: StateObject,
  onEdit: (edit: PlacedEdit) => Promise<void>,
): Promise<ReadEditsResult> {
  const { readEdits } = await import('../inspect/read-manifests.js')
  // Where the edits themselves are seen, they tell how it goes on.
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
