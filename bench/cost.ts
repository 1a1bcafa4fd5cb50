import { readFileSync } from 'node:fs'
import { median } from './statistics.js'

/** A time, and the CPU that this process and the children it has waited for took meanwhile. */
export interface Cost {
  readonly ms: number
  readonly cpuMs: number
}

export async function costOf(work: () => Promise<void>): Promise<Cost> {
  const start = performance.now()
  const cpuMs = spentCpuMs()
  await work()
  return { ms: performance.now() - start, cpuMs: spentCpuMs() - cpuMs }
}

/** Medians of time and CPU, each by itself. */
export function medianCost(costs: readonly Cost[]): Cost {
  return { ms: median(costs.map(({ ms }) => ms)), cpuMs: median(costs.map(({ cpuMs }) => cpuMs)) }
}

/** Does the work for each number below `count`, `atOnce` of them at a time. */
export async function manyAtOnce(
  count: number,
  atOnce: number,
  work: (at: number) => Promise<void>,
): Promise<Cost> {
  return await costOf(async () => {
    let next = 0
    const worker = async () => {
      while (next < count) await work(next++)
    }
    await Promise.all(Array.from({ length: atOnce }, worker))
  })
}

function spentCpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000 + childrenCpuMs()
}

/** 0 where the system has no /proc. */
function childrenCpuMs(): number {
  if (process.platform !== 'linux') return 0
  // cutime and cstime of proc_pid_stat(5), in hundredths of a second. The name before them may contain spaces.
  const [cutime, cstime] = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]!.split(' ').slice(13, 15)
  return (Number(cutime) + Number(cstime)) * 10
}
