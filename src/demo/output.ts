import { styleText } from 'node:util'
import type { HostedCloudEnv } from '../index.js'

export function heading(text: string): void {
  console.log(`\n${styleText(['bold', 'cyan'], text)}\n`)
}

/** Does something, then says what it was or what came of it, and what it cost. */
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
    requests === 0 ? '' : `${requests} request${requests === 1 ? '' : 's'}`,
    after.sent > before.sent ? `${size(after.sent - before.sent)} sent` : '',
    after.received > before.received ? `${size(after.received - before.received)} fetched` : '',
  ]
  const words = typeof text === 'string' ? text : text(result)
  console.log(`   ${words.padEnd(70)}  ${styleText('dim', cost.filter((part) => part !== '').join(', '))}`)
  return result
}

/** Requests made of the store since the Env was started, and bytes of objects that moved. */
async function trafficOf(env: HostedCloudEnv): Promise<{ requests: number; sent: number; received: number }> {
  const store = (await env.metrics())?.store
  return {
    requests: Object.values(store ?? {}).reduce((sum, { requests }) => sum + requests, 0),
    sent: store?.put.bytes ?? 0,
    received: store?.get.bytes ?? 0,
  }
}

/** Columns: the first to the left, the others to the right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): void {
  const widthOf = (column: number) => Math.max(...[header, ...rows].map((row) => row[column]?.length ?? 0))
  const aligned = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widthOf(0)) : cell.padStart(widthOf(column))))
      .join('   ')
  console.log(`\n   ${styleText('dim', aligned(header))}`)
  for (const row of rows) console.log(`   ${aligned(row)}`)
}

export function amount(value: number): string {
  return value.toLocaleString('en')
}

/** Of a file, in bytes; undefined where there is none. */
export function size(value: number | undefined): string {
  if (value === undefined) return '–'
  if (value < 1e3) return `${value} B`
  return value < 1e6 ? `${(value / 1e3).toFixed(1)} kB` : `${(value / 1e6).toFixed(1)} MB`
}
