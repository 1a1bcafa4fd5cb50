import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameDecoder, FrameReader, FrameWriter, maxFrameBytes, Op, ProtocolError } from '#src/host/wire.js'

type Field =
  | { type: 'u8' | 'u16' | 'u32' | 'u64'; value: number }
  | { type: 'bool'; value: boolean }
  | { type: 'string'; value: string }
  | { type: 'bytes'; value: Uint8Array }

const field: fc.Arbitrary<Field> = fc.oneof(
  fc.record({ type: fc.constant('u8' as const), value: fc.integer({ min: 0, max: 0xff }) }),
  fc.record({ type: fc.constant('u16' as const), value: fc.integer({ min: 0, max: 0xffff }) }),
  fc.record({ type: fc.constant('u32' as const), value: fc.integer({ min: 0, max: 0xffffffff }) }),
  fc.record({ type: fc.constant('u64' as const), value: fc.maxSafeNat() }),
  fc.record({ type: fc.constant('bool' as const), value: fc.boolean() }),
  fc.record({ type: fc.constant('string' as const), value: fc.string({ unit: 'grapheme' }) }),
  fc.record({ type: fc.constant('bytes' as const), value: fc.uint8Array({ maxLength: 2000 }) }),
)

interface Frame {
  op: number
  id: number
  fields: Field[]
}

const frame: fc.Arbitrary<Frame> = fc.record({
  op: fc.integer({ min: 0, max: 255 }),
  id: fc.integer({ min: 0, max: 0xffffffff }),
  fields: fc.array(field, { maxLength: 8 }),
})

function write(out: FrameWriter, { op, id, fields }: Frame): void {
  out.begin(op, id)
  for (const { type, value } of fields) out[type](value as never)
  out.finish()
}

function expectFrame(body: Buffer, { op, id, fields }: Frame): void {
  const input = new FrameReader(body)
  expect([input.op, input.id]).toEqual([op, id])
  for (const { type, value } of fields) {
    const read = input[type]()
    expect(type === 'bytes' ? new Uint8Array(read as Buffer) : read).toEqual(value)
  }
  input.end()
}

describe('the frame codec', () => {
  test('a HELLO has exactly the bytes that the specification gives it', () => {
    const out = new FrameWriter()
    out.begin(Op.hello, 1).u32(0x564e4543).u16(1).string('me')
    out.finish()
    const length = '11000000'
    const bytes = [length, '01', '01000000', '43454e56', '0100', '02000000', '6d65']
    expect(out.take().toString('hex')).toBe(bytes.join(''))
  })

  test('every frame is read back as written, however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 6 }),
        fc.array(fc.nat(300), { maxLength: 40 }),
        (frames, cuts) => {
          const out = new FrameWriter()
          for (const each of frames) write(out, each)
          const stream = out.take()
          const decoder = new FrameDecoder()
          const bodies: Buffer[] = []
          const drain = () => {
            for (let body = decoder.next(); body !== undefined; body = decoder.next()) bodies.push(body)
          }
          let at = 0
          for (const cut of cuts) {
            decoder.push(stream.subarray(at, at + cut))
            at += cut
            drain()
          }
          decoder.push(stream.subarray(at))
          drain()
          expect(bodies.length).toBe(frames.length)
          for (const [index, body] of bodies.entries()) expectFrame(body, frames[index]!)
        },
      ),
    )
  })

  test('a frame cut short at any byte is refused, not misread', () => {
    fc.assert(
      fc.property(frame, fc.nat(), (whole, cut) => {
        const out = new FrameWriter()
        write(out, whole)
        const body = out.take().subarray(4)
        const short = body.subarray(0, cut % body.length)
        expect(() => expectFrame(short, whole)).toThrow(ProtocolError)
      }),
    )
  })

  test('random bytes are either frames or a ProtocolError, never anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const decoder = new FrameDecoder()
        decoder.push(Buffer.from(bytes))
        try {
          for (let body = decoder.next(); body !== undefined; body = decoder.next()) {
            const input = new FrameReader(body)
            input.list(() => input.string())
            input.end()
          }
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
        }
      }),
    )
  })

  test('bytes left over, a bool of 2, a string that is not UTF-8 and an integer beyond 2^53 are refused', () => {
    const body = (...bytes: number[]) => new FrameReader(Buffer.from([1, 0, 0, 0, 0, ...bytes]))
    expect(() => body(0).end()).toThrow(/1 bytes more than it needs/)
    expect(() => body(2).bool()).toThrow(/bool of 2/)
    expect(() => body(1, 0, 0, 0, 0xff).string()).toThrow(/not UTF-8/)
    expect(() => body(0, 0, 0, 0, 0, 0, 0x20, 0).u64()).toThrow(/beyond 2\^53/)
  })

  test('a list that claims more items than the frame holds is refused without allocating them', () => {
    const input = new FrameReader(Buffer.from([1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]))
    expect(() => input.list(() => input.string())).toThrow(ProtocolError)
  })

  test('an empty and an oversized frame are refused as soon as their length is known', () => {
    const decode = (length: number) => {
      const decoder = new FrameDecoder()
      const header = Buffer.alloc(4)
      header.writeUInt32LE(length)
      decoder.push(header)
      return decoder.next()
    }
    expect(() => decode(0)).toThrow(ProtocolError)
    expect(() => decode(maxFrameBytes + 1)).toThrow(ProtocolError)
    expect(decode(maxFrameBytes)).toBeUndefined()
  })

  test('a frame that exceeds the limit can be abandoned, and those before it are still sent', () => {
    const out = new FrameWriter()
    write(out, { op: 1, id: 2, fields: [] })
    out.begin(3, 4).bytes(new Uint8Array(maxFrameBytes))
    expect(() => out.finish()).toThrow(RangeError)
    out.abandon()
    write(out, { op: 5, id: 6, fields: [] })
    const decoder = new FrameDecoder()
    decoder.push(out.take())
    expectFrame(decoder.next()!, { op: 1, id: 2, fields: [] })
    expectFrame(decoder.next()!, { op: 5, id: 6, fields: [] })
    expect(decoder.next()).toBeUndefined()
  })
})
