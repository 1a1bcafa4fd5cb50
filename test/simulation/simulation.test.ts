import { expect, test } from 'vitest'
import { type Counts, World } from './world.js'

test('a seed replays exactly', async () => {
  const runs = [new World(7), new World(7)]
  for (const world of runs) await world.run()
  const [first, second] = runs.map(({ trace }) => trace)
  expect(first).toEqual(second)
  expect(first!.length).toBeGreaterThan(100)
})

test('2,000 seeds lose nothing, break no state, and bring nothing back', async () => {
  const total: Partial<Counts> = {}
  for (let seed = 0; seed < 2_000; seed++) {
    const world = new World(seed)
    await world.run()
    for (const name of Object.keys(world.counts) as (keyof Counts)[])
      total[name] = (total[name] ?? 0) + world.counts[name]
  }
  // A change of the simulation that lets nobody get anywhere would find nothing either.
  const rare = { pastReads: 500, pastForks: 200, savepoints: 200, removals: 100, destructions: 20 }
  for (const [name, count] of Object.entries(total))
    expect(count, name).toBeGreaterThan((rare as Record<string, number>)[name] ?? 1_000)
}, 1_200_000)
