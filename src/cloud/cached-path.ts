/** Path of a copy of a cached file. No other copy has it. */
export function copyPath(path: string, generation: number): string {
  return generation === 1 ? path : `${path}~${generation}`
}

/** Path of the cached file that the file at `path` is a copy of. */
export function cachedPath(path: string): string {
  return path.replace(/~[0-9]+$/, '')
}
