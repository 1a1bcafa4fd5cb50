import pLimit from 'p-limit'

/**
 * What becomes of each item, in their order, so many being worked on at a time. Rejects with the first failure, and
 * starts nothing more then: where a store is away, each of thousands of reads would try for seconds before it fails.
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
