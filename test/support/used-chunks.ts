import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { ChunkMap } from '#src/cloud/chunk-map.js'
import type { LocalCopy } from '#src/env/env.js'

/** Marks chunks of a local copy as used, as the bridge does when it reads them. */
export function markUsed({ chunkMapPath }: LocalCopy, fileSize: number, used: Iterable<number>): void {
  const map = openSync(chunkMapPath!, 'r+')
  const header = Buffer.alloc(ChunkMap.headerBytes)
  readSync(map, header)
  const { marksPosition } = new ChunkMap(fileSize, header.readUInt32LE(12))
  for (const chunk of used) writeSync(map, Buffer.of(1), 0, 1, marksPosition + chunk)
  closeSync(map)
}
