import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createMemoryEnv } from '#src/env/memory-env.js'
import { MemoryFile } from '#src/env/memory-file.js'
import { describeEnv } from './env-contract.ts'

describeEnv('MemoryEnv', createMemoryEnv, { local: false })

test('a file in memory behaves as an array of bytes does, across its chunks', () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ append: fc.integer({ min: 0, max: 400_000 }) }) },
    { weight: 2, arbitrary: fc.record({ truncate: fc.nat(900_000) }) },
    { weight: 5, arbitrary: fc.record({ offset: fc.nat(1_000_000), length: fc.nat(600_000) }) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const file = new MemoryFile()
      let model = Buffer.alloc(0)
      for (const [index, step] of steps.entries()) {
        if ('append' in step) {
          const bytes = Buffer.alloc(step.append, index + 1)
          file.append(bytes)
          model = Buffer.concat([model, bytes])
        } else if ('truncate' in step) {
          file.truncate(step.truncate)
          model = Buffer.concat([model, Buffer.alloc(step.truncate)]).subarray(0, step.truncate)
        } else {
          const expected = model.subarray(step.offset, step.offset + step.length)
          expect(Buffer.compare(file.read(step.offset, step.length), expected)).toBe(0)
        }
        expect(file.size).toBe(model.length)
      }
    }),
    { numRuns: 60 },
  )
})

test('appending to a large file does not move its contents', () => {
  const file = new MemoryFile()
  file.append(Buffer.alloc(1 << 20, 1))
  const before = [0, 300_000, 900_000].map((offset) => file.read(offset, 10).buffer)
  for (let i = 0; i < 1000; i++) file.append(Buffer.alloc(10_000, 2))
  const after = [0, 300_000, 900_000].map((offset) => file.read(offset, 10).buffer)
  for (const [index, buffer] of after.entries()) expect(buffer).toBe(before[index])
})
