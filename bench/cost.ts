/** A time, and the CPU that this process took for it. */
export interface Cost {
  readonly ms: number
  readonly cpuMs: number
}

export async function costOf(work: () => Promise<void>): Promise<Cost> {
  const start = performance.now()
  const cpu = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(cpu)
  return { ms: performance.now() - start, cpuMs: (user + system) / 1000 }
}
