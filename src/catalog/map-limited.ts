import pLimit from 'p-limit'

/**
 * Maps the items, in their order, with a limited number in progress at a time. Rejects with the first failure, and
 * starts nothing after it: while a store is away, each of thousands of reads would retry for seconds before it fails.
 */
export async function mapLimited<T, R>(
  items: readonly T[],
  concurrency: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const limit = pLimit(concurrency)
  return await limit.map(items, async (item) => {
    try {
      return await work(item)
    } catch (error) {
      limit.clearQueue()
      throw error
    }
  })
}
