// npm run simulate -- [--seeds N] [--from N]: looks for a seed that breaks the Env, until one does or all have run.
import { parseArgs } from 'node:util'
import { World } from './world.js'

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '10000' }, from: { type: 'string', default: '0' } },
})
const [from, seeds] = [values.from, values.seeds].map(Number) as [number, number]
if (!Number.isSafeInteger(from) || !Number.isSafeInteger(seeds) || from < 0 || seeds < 1) {
  console.error('usage: npm run simulate -- [--seeds N] [--from N]')
  process.exit(2)
}

const startMs = performance.now()
const total: Record<string, number> = {}
for (let seed = from; seed < from + seeds; seed++) {
  const world = new World(seed)
  try {
    await world.run()
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exit(1)
  }
  for (const [name, count] of Object.entries(world.counts)) total[name] = (total[name] ?? 0) + count
  if ((seed - from + 1) % 1000 === 0) console.error(`${seed + 1 - from} of ${seeds} seeds`)
}
console.log({ seeds, ...total, seconds: Math.round((performance.now() - startMs) / 1000) })
