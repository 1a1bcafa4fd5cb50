import { type Fault, s3ErrorBody } from './fault-proxy.ts'

/** Random numbers from 0 to below 1 that `seed` decides (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const isObject = (line: string) => !/[?&]list-type=|[?&]uploads|[?&]delete/.test(line)
const isTable = (line: string) => /\.sst-/.test(line)

/** Every fault that a network and a store are known for, each with the requests that can meet it. */
const faults: readonly { readonly meets: (line: string) => boolean; readonly make: MakeFault }[] = [
  { meets: () => true, make: () => ({ kind: 'drop' }) },
  { meets: () => true, make: () => ({ kind: 'loseAnswer' }) },
  { meets: () => true, make: (random) => ({ kind: 'hold', until: after(random() * 1000) }) },
  { meets: () => true, make: () => refusal(503, 'SlowDown') },
  { meets: () => true, make: () => refusal(500, 'InternalError') },
  { meets: () => true, make: () => refusal(403, 'AccessDenied') },
  { meets: (line) => /^(PUT|POST|DELETE)/.test(line), make: () => ({ kind: 'deliverTwice' }) },
  { meets: (line) => /^PUT/.test(line), make: () => ({ kind: 'damageRequest' }) },
  { meets: (line) => /^PUT/.test(line), make: () => ({ kind: 'truncateRequest', bytes: 100 }) },
  { meets: (line) => /^GET/.test(line), make: () => ({ kind: 'truncate', bytes: 100 }) },
  { meets: (line) => /^GET/.test(line) && isObject(line), make: () => ({ kind: 'damageAnswer' }) },
  { meets: (line) => /^GET/.test(line) && isTable(line), make: () => altered(shifted) },
  { meets: (line) => /^GET/.test(line) && isTable(line), make: () => altered(shortened) },
  { meets: (line) => /^GET/.test(line) && isTable(line), make: () => refusal(404, 'NoSuchKey') },
]

type MakeFault = (random: () => number) => Fault

/** Chooses a fault for one of `every` requests, the kind as `random` has it. */
export function anyFault(random: () => number, { every }: { readonly every: number }) {
  return (line: string): Fault | undefined => {
    if (random() * every >= 1) return undefined
    const met = faults.filter(({ meets }) => meets(line))
    return met[Math.floor(random() * met.length)]?.make(random)
  }
}

function refusal(status: number, code: string): Fault {
  return { kind: 'answer', status, body: s3ErrorBody(code) }
}

/** An answer with another body: its headers say what the server said. */
function altered(alter: (body: Buffer) => Buffer): Fault {
  return {
    kind: 'alterAnswer',
    alter: (answer) => {
      answer.body = alter(answer.body)
    },
  }
}

const shifted = (body: Buffer) => Buffer.concat([body.subarray(16), body.subarray(0, 16)])
const shortened = (body: Buffer) => body.subarray(0, body.length >> 1)

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
