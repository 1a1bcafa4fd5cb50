/** Path of the cached file that `copyPath` is a copy of: copies after the first end in `~` and a number. */
export function cachedPath(copyPath: string): string {
  return copyPath.replace(/~[0-9]+$/, '')
}
