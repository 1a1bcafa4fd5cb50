import { closeSync, openSync, writeSync } from 'node:fs'
import { ChunkMap } from '#src/cloud/chunk-map.js'
import type { LocalCopy } from '#src/env/env.js'
import { chunkBytes } from '#src/table/chunk-runs.js'

/** Marks chunks of a local copy as used, as the bridge does when it reads them. */
export function markUsed({ chunkMapPath }: LocalCopy, fileSize: number, used: Iterable<number>): void {
  const { marksPosition } = new ChunkMap(fileSize, chunkBytes)
  const map = openSync(chunkMapPath!, 'r+')
  for (const chunk of used) writeSync(map, Buffer.of(1), 0, 1, marksPosition + chunk)
  closeSync(map)
}
