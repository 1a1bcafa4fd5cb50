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

test('appending 64 MiB in pieces of 100 bytes takes time in proportion to the bytes', () => {
  const append = (bytes: number) => {
    const file = new MemoryFile()
    const piece = Buffer.alloc(100)
    const start = performance.now()
    while (file.size < bytes) file.append(piece)
    return performance.now() - start
  }
  append(4 << 20)
  // Quadratic would be 256 times as long, not 16.
  expect(append(64 << 20)).toBeLessThan(80 * append(4 << 20))
})
