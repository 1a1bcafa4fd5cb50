/**
 * Whether what IDENTITY holds is the id of a clone: that of its source with `rockset` and something random behind it.
 * What a clone needs may lie at its source.
 */
export function isCloneIdentity(identity: string | undefined | null): boolean {
  return identity?.includes('rockset') ?? false
}
