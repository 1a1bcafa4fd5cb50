/**
 * The candidate that somebody may have meant by `name`; undefined if none is close. Upper case and lower case count as
 * the same.
 */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  // Nobody misspells names longer than any option's, and distances take quadratic time.
  if (name.length > maxNameLength) return undefined
  const wanted = name.toLowerCase()
  let nearest: string | undefined
  let nearestDistance = Math.floor(wanted.length / 2) + 1
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase())
    if (distance >= nearestDistance) continue
    nearestDistance = distance
    nearest = candidate
  }
  return nearest
}

const maxNameLength = 100

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  const row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    let diagonal = row[0]!
    row[0] = i
    for (let j = 1; j <= b.length; j++) {
      const replaced = diagonal + (a[i - 1] === b[j - 1] ? 0 : 1)
      diagonal = row[j]!
      row[j] = Math.min(replaced, row[j]! + 1, row[j - 1]! + 1)
    }
  }
  return row.at(-1)!
}
