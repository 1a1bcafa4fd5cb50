import { readdir } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { Machine } from '../support/machine.js'
import { mainTestStores } from '../support/test-stores.js'

/** From here on the number of old info logs is at its limit. */
const settledOpenings = 12

describe.skipIf(process.platform !== 'linux').each(mainTestStores())('on $name', ({ make }) => {
  test('many openings accumulate nothing: no local file, object, descriptor or thread', async () => {
    const store = make()
    const machine = new Machine(store, { deletionDelayMs: 0 })
    const stateAfter = async (openings: number) => {
      for (let opening = 0; opening < openings; opening++) {
        await machine.open(async (db) => {
          await db.put(`key ${opening % 5}`, `value ${opening}`)
          await db.flush()
        })
      }
      return {
        names: kindsOf(await readdir(machine.root, { recursive: true })),
        objects: kindsOf([...(await store.list()).keys()]),
        tables: [...(await store.list()).keys()].filter(isTable).length,
        descriptors: (await readdir('/proc/self/fd')).length,
        threads: (await readdir('/proc/self/task')).length,
      }
    }
    const before = await stateAfter(settledOpenings)
    const after = await stateAfter(settledOpenings)
    expect(after.names).toEqual(before.names)
    expect(after.objects).toEqual(before.objects)
    expect(after.tables).toBeLessThan(settledOpenings)
    expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + 2)
    expect(after.threads).toBeLessThanOrEqual(before.threads + 2)
  })
})

const isTable = (name: string) => name.includes('.sst-')

/** Count of each name without numbers and epochs. The number of tables depends on compactions. */
function kindsOf(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names.filter((name) => !isTable(name))) {
    const kind = name.replace(/[0-9a-f]{16}|[0-9A-F]{16}/g, 'E').replace(/\d+/g, 'N')
    counts[kind] = (counts[kind] ?? 0) + 1
  }
  return counts
}
