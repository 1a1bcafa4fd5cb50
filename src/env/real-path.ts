import { readlinkSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

/**
 * The path without symbolic links, `..` and trailing slashes. For a path that does not exist yet, or can't be looked
 * at, the place where it would be created.
 */
export function realPath(path: string): string {
  return realPathWithin(resolve(path), maxLinks)
}

/** As many as Linux follows. */
const maxLinks = 40

function realPathWithin(path: string, links: number): string {
  const real = orUndefined(() => realpathSync(path))
  if (real !== undefined || path === dirname(path)) return real ?? path
  // A link to a missing target.
  const target = links === 0 ? undefined : orUndefined(() => readlinkSync(path))
  if (target !== undefined) return realPathWithin(resolve(dirname(path), target), links - 1)
  return join(realPathWithin(dirname(path), links), basename(path))
}

/**
 * Reports whether two directories are the same, or one lies inside the other: through symbolic links, or through bind
 * mounts, which show only in that both are the same inode.
 */
export function overlap(a: string, b: string): boolean {
  return isInside(a, b) || isInside(b, a)
}

function isInside(inner: string, outer: string): boolean {
  const outerPlace = existingPart(realPath(outer))
  for (let [path, rest] = [realPath(inner), [] as string[]]; ; path = dirname(path)) {
    if (inodeOf(path) === outerPlace.inode)
      return outerPlace.rest.every((name, index) => rest[index] === name)
    if (path === dirname(path)) return false
    rest = [basename(path), ...rest]
  }
}

/** The nearest existing directory, and the missing names below it. */
function existingPart(path: string): { readonly inode: string; readonly rest: readonly string[] } {
  const inode = inodeOf(path)
  if (inode !== undefined) return { inode, rest: [] }
  const parent = existingPart(dirname(path))
  return { inode: parent.inode, rest: [...parent.rest, basename(path)] }
}

function inodeOf(path: string): string | undefined {
  return orUndefined(() => {
    const { dev, ino } = statSync(path, { bigint: true })
    return `${dev}:${ino}`
  })
}

function orUndefined<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
