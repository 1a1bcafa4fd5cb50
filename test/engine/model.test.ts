import fc from 'fast-check'
import { test } from 'vitest'
import { type BatchOperation, type KeyRange, RocksDB } from '#src/index.js'
import { all, newPath } from './open-database.ts'

/** Few enough that keys collide, with the smallest and largest bytes. */
const key = fc
  .uint8Array({ maxLength: 2, max: 3 })
  .map((bytes) => Buffer.from(bytes.map((byte) => [0, 1, 254, 255][byte]!)))
const value = fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes))

const operation: fc.Arbitrary<BatchOperation> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('put' as const), key, value }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('delete' as const), key }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(key, key)
      .map((keys) => keys.sort(Buffer.compare))
      .map(([start, end]) => ({ type: 'deleteRange' as const, start: start!, end: end! })),
  },
)

const range: fc.Arbitrary<KeyRange> = fc
  .record({
    lower: fc.option(fc.tuple(fc.constantFrom('gte' as const, 'gt' as const), key)),
    upper: fc.option(fc.tuple(fc.constantFrom('lte' as const, 'lt' as const), key)),
    prefix: fc.option(key),
  })
  .map(({ lower, upper, prefix }) => ({
    ...(lower && { [lower[0]]: lower[1] }),
    ...(upper && { [upper[0]]: upper[1] }),
    ...(prefix && { prefix }),
  }))

type Step =
  | { readonly do: 'write'; readonly operations: readonly BatchOperation[] }
  | { readonly do: 'flush' }
  | { readonly do: 'compact' }
  | { readonly do: 'reopen' }
  | {
      readonly do: 'read'
      readonly range: KeyRange
      readonly reverse: boolean
      readonly limit: number
      readonly keys: Buffer[]
    }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      operations: fc.array(operation, { maxLength: 6 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('flush' as const, 'compact' as const, 'reopen' as const) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      range,
      reverse: fc.boolean(),
      limit: fc.integer({ min: 0, max: 40 }),
      keys: fc.array(key, { maxLength: 4 }),
    }),
  },
)

/** Model of a database, with which the real one has to agree. Keys are latin1, whose order is that of the bytes. */
class Model {
  readonly #entries = new Map<string, Buffer>()

  apply(operation: BatchOperation): void {
    if (operation.type === 'put') this.#entries.set(text(operation.key), operation.value as Buffer)
    if (operation.type === 'delete') this.#entries.delete(text(operation.key))
    if (operation.type === 'deleteRange') {
      for (const key of this.#entries.keys()) {
        if (key >= text(operation.start) && key < text(operation.end)) this.#entries.delete(key)
      }
    }
  }

  get(key: Buffer): Buffer | undefined {
    return this.#entries.get(text(key))
  }

  entries({ gte, gt, lte, lt, prefix }: KeyRange): [Buffer, Buffer][] {
    return [...this.#entries]
      .filter(([key]) => gte === undefined || key >= text(gte))
      .filter(([key]) => gt === undefined || key > text(gt))
      .filter(([key]) => lte === undefined || key <= text(lte))
      .filter(([key]) => lt === undefined || key < text(lt))
      .filter(([key]) => prefix === undefined || key.startsWith(text(prefix)))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => [Buffer.from(key, 'latin1'), value])
  }
}

function text(key: unknown): string {
  return (key as Buffer).toString('latin1')
}

function same(what: string, actual: unknown, expected: unknown): void {
  const [a, b] = [fc.stringify(actual), fc.stringify(expected)]
  if (a !== b) throw new Error(`${what}: got ${a} instead of ${b}`)
}

test('a database behaves as a sorted map under any operations', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const path = newPath()
      const model = new Model()
      let db = await RocksDB.open(path)
      try {
        for (const step of steps) {
          if (step.do === 'write') {
            for (const operation of step.operations) model.apply(operation)
            await db.batch(step.operations)
          } else if (step.do === 'flush') {
            await db.flush()
          } else if (step.do === 'compact') {
            await db.compactRange()
          } else if (step.do === 'reopen') {
            await db.close()
            db = await RocksDB.open(path)
          } else {
            const { range, reverse, limit, keys } = step
            const expected = model.entries(range)
            if (reverse) expected.reverse()
            same('iterator', await all(db.iterator({ ...range, reverse, limit })), expected.slice(0, limit))
            const values = keys.map((key) => model.get(key))
            same('getMany', await db.getMany(keys), values)
            same('get', await Promise.all(keys.map((key) => db.get(key))), values)
            same(
              'getSync',
              keys.map((key) => db.getSync(key)),
              values,
            )
          }
        }
      } finally {
        await db.close()
      }
    }),
    { numRuns: 60 },
  )
})
