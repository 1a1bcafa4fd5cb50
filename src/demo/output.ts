import { bold, cyan, dim } from '../cli/output/colour.js'
import { tableLines } from '../cli/output/table.js'
import { counted, formatBytes } from '../cli/output/text.js'
import type { HostedCloudEnv } from '../index.js'

export function heading(text: string): void {
  console.log(`\n${bold(cyan(text))}\n`)
}

/** Does something, then prints the result and its cost. */
export async function measured<T>(
  env: HostedCloudEnv,
  text: string | ((result: T) => string),
  work: () => Promise<T>,
): Promise<T> {
  const before = await trafficOf(env)
  const start = performance.now()
  const result = await work()
  const took = performance.now() - start
  const after = await trafficOf(env)
  const requests = after.requests - before.requests
  const cost = [
    took < 1000 ? `${took.toFixed(took < 10 ? 1 : 0)} ms` : `${(took / 1000).toFixed(1)} s`,
    requests === 0 ? '' : counted(requests, 'request'),
    after.sent > before.sent ? `${formatBytes(after.sent - before.sent)} sent` : '',
    after.received > before.received ? `${formatBytes(after.received - before.received)} fetched` : '',
  ]
  const words = typeof text === 'string' ? text : text(result)
  console.log(`   ${words.padEnd(70)}  ${dim(cost.filter((part) => part !== '').join(', '))}`)
  return result
}

/** Requests to the store since the Env was started, and bytes of objects that moved. */
async function trafficOf(env: HostedCloudEnv): Promise<{ requests: number; sent: number; received: number }> {
  const store = (await env.metrics())?.store
  return {
    requests: Object.values(store ?? {}).reduce((sum, { requests }) => sum + requests, 0),
    sent: store?.put.bytes ?? 0,
    received: store?.get.bytes ?? 0,
  }
}

/** Aligns columns: the first to the left, the others to the right. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): void {
  const columns = titles.map((title, at) => ({
    title,
    align: at === 0 ? ('left' as const) : ('right' as const),
    cell: (row: readonly string[]) => row[at] ?? '',
  }))
  console.log()
  for (const line of tableLines(rows, columns)) console.log(`   ${line}`)
}
