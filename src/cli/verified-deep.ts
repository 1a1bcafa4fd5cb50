import { openInspected } from '../catalog/open-places.js'
import { closing } from '../catalog/rooted-places.js'
import { optionsAt, type StoreOptions } from '../store/registry.js'
import { problemLine, problemLines } from './output/problem.js'
import { startProgress } from './output/progress.js'

/**
 * Reads a database that this command has just written from end to end, and reports what is wrong on standard error.
 * @param store options that it may share with stores of other kinds.
 * @returns whether it is sound.
 */
export async function verifiedDeep(url: string, store: StoreOptions): Promise<boolean> {
  const { verifyDatabase } = await import('../inspect/verify.js')
  const opened = await openInspected([{ url, options: optionsAt(url, store) }])
  return await closing(opened, async ({ places }) => {
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
