// Every local change, sync, rename and request of the steps of a database's life, in their order.
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Machine } from './machine.js'
import { Life, Random, Scheduler } from './scheduler.js'
import type { SimulatedRocksDB } from './simulated-rocksdb.js'
import { SimulatedStore } from './store.js'

/** No chance: whoever waits longest goes on, and nothing fails. */
class NoChance extends Random {
  #numbers = 0

  override below(): number {
    return 0
  }

  override chance(): boolean {
    return false
  }

  override next(): number {
    return 0.5
  }

  override bytes(count: number): Uint8Array {
    this.#numbers += 1
    return new Uint8Array(count).fill(this.#numbers)
  }
}

test('the steps of a database take these changes and requests, in this order', async () => {
  const scheduler = new Scheduler(new NoChance(0))
  const lines: string[] = []
  const trace = (line: string) => lines.push(`  ${line}`)
  const store = new SimulatedStore(scheduler, () => {}, trace)

  async function step<T>(title: string, action: () => Promise<T>): Promise<T> {
    lines.push('', title)
    let isDone = false
    const done = action().finally(() => {
      isDone = true
    })
    done.catch(() => undefined)
    while (!isDone) await scheduler.step()
    // Work that goes on by itself, but no timers.
    for (;;) {
      await setImmediate()
      if (!scheduler.isBusy) return done
      await scheduler.step()
    }
  }
  const start = async (name: string): Promise<SimulatedRocksDB> => {
    const machine = new Machine(name, {}, scheduler, store, trace)
    return (await machine.start(new Life(name), () => false)).db
  }

  const a = await step('a process starts', () => start('a'))
  await step('creates a database', () => a.open())
  await step('puts, synced', () => a.put('k1', { sync: true }))
  await step('flushes', () => a.flush())
  await step('puts and flushes again', () => a.put('k2', { sync: false }).then(() => a.flush()))
  await step('compacts', () => a.compact())
  await step('waits until nobody needs what the compaction replaced', async () => {
    while (!lines.some((line) => line.startsWith('  delete db/00'))) await scheduler.step()
  })
  const b = await step('another machine starts', () => start('b'))
  await step('takes the database over', () => b.open())
  await step('the first one flushes, and is told that it is displaced', () =>
    expect(a.flush()).rejects.toMatchObject({ code: 'IOFenced' }),
  )
  await step('closes', () => a.close())
  await step('the other closes', () => b.close())

  const named = new Map<string, string>()
  const text = lines.join('\n').replace(/\b[0-9a-f]{16}\b/g, (epoch) => {
    if (!named.has(epoch)) named.set(epoch, `EPOCH${named.size + 1}`)
    return named.get(epoch)!
  })
  await expect(`${text.trim()}\n`).toMatchFileSnapshot('golden.txt')
})
