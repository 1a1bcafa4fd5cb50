// Preloaded into a program: leaves the most memory that it ever had, in KiB, where CLOUDENV_TEST_MEMORY says.
import { writeFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

if (isMainThread) {
  process.on('exit', () => {
    writeFileSync(process.env.CLOUDENV_TEST_MEMORY, String(process.resourceUsage().maxRSS))
  })
}
