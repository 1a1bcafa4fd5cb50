import type { CloudManifest } from '../format/cloud-manifest.js'
import { parseObjectName } from '../format/file-name.js'
import type { StoredFile } from './stored-file.js'
import { isVisible } from './visibility.js'

/**
 * Returns when the first file was written of those from a number on. RocksDB gives out numbers in order, and each edit
 * says how far it has come: an edit that gives this number was committed before that time. Undefined if there is no such
 * file.
 */
export function firstWrittenFrom(
  objects: ReadonlyMap<string, Pick<StoredFile, 'modified'>>,
  cloudManifest: CloudManifest,
): (number: number) => Date | undefined {
  const files: { readonly number: number; first: Date }[] = []
  for (const [name, { modified }] of objects) {
    const parsed = parseObjectName(name)
    if (isVisible(parsed, cloudManifest)) files.push({ number: parsed.number, first: modified })
  }
  files.sort((a, b) => a.number - b.number)
  for (let at = files.length - 2; at >= 0; at--) {
    const [file, next] = [files[at]!, files[at + 1]!]
    if (next.first < file.first) file.first = next.first
  }
  return (number) => {
    let [first, end] = [0, files.length]
    while (first < end) {
      const middle = Math.floor((first + end) / 2)
      if (files[middle]!.number >= number) end = middle
      else first = middle + 1
    }
    return files[first]?.first
  }
}
