/** Number of objects, and their bytes. */
export interface Usage {
  readonly objects: number
  readonly bytes: number
}

export function usageOf(objects: Iterable<{ readonly size: number }>): Usage {
  let count = 0
  let bytes = 0
  for (const { size } of objects) {
    count += 1
    bytes += size
  }
  return { objects: count, bytes }
}

export function plus(a: Usage, b: Usage): Usage {
  return { objects: a.objects + b.objects, bytes: a.bytes + b.bytes }
}
