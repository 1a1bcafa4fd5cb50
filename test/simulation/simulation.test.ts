import { expect, test } from 'vitest'
import { World } from './world.js'

test('a seed replays exactly', async () => {
  const runs = [new World(7), new World(7)]
  for (const world of runs) await world.run()
  const [first, second] = runs.map(({ trace }) => trace)
  expect(first).toEqual(second)
  expect(first!.length).toBeGreaterThan(100)
})

test('2,000 seeds lose nothing, break no state, and bring nothing back', async () => {
  const total = {
    ...{ openings: 0, flushes: 0, kills: 0, powerCuts: 0, takeOvers: 0, reads: 0, pastReads: 0 },
    ...{ forks: 0, collected: 0 },
  }
  for (let seed = 0; seed < 2_000; seed++) {
    const world = new World(seed)
    await world.run()
    for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += world.counts[name]
  }
  // A change of the simulation that lets nobody get anywhere would find nothing either.
  const rare = ['pastReads', 'forks', 'collected']
  for (const [name, count] of Object.entries(total))
    expect(count, name).toBeGreaterThan(rare.includes(name) ? 50 : 1_000)
}, 1_200_000)
