import { problemLine, problemLines } from './output/problem.js'
import { startProgress } from './output/progress.js'
import { type ConnectionOptions, withPlaces } from './store-options.js'

/**
 * Reads a database that this command has just written from end to end, and reports what is wrong on standard error.
 * @returns whether it is sound.
 */
export async function verifiedDeep(url: string, options: ConnectionOptions): Promise<boolean> {
  const { verifyDatabase } = await import('../inspect/verify.js')
  const {
    cookie: _,
    source: __,
    ...connection
  }: ConnectionOptions & { cookie?: string; source?: string } = options
  return await withPlaces(url, connection, async (places) => {
    let progress = startProgress('verifying', {})
    try {
      const { problems } = await verifyDatabase(places, {
        isDeep: true,
        onStart(total) {
          progress.end()
          progress = startProgress('verifying', { unit: 'bytes', total })
        },
        onRead: (bytes) => progress.add(bytes),
      })
      for (const line of problemLines(problems, problemLine)) console.error(line)
      return problems.length === 0
    } finally {
      progress.end()
    }
  })
}
