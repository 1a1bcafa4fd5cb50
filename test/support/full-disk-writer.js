/**
 * Puts until the disk is full and puts are refused. Says what it was told on standard output, a line of JSON each time:
 * `{ acknowledged }` the number of a put, `{ refused }` the code of an error. Then it waits for a line on standard input, by
 * which there is room again, and goes on as `afterwards` has it: `write` until puts are taken again, or `die`.
 */
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { cloudEnv, RocksDB } from '#src/index.js'
import { familyOf, textOf } from './full-disk-workload.js'

const { path, envOptions, options, put, refusals, afterwards } = JSON.parse(process.argv[2] ?? '')
const env = envOptions && cloudEnv(envOptions)
const db = await RocksDB.open(path, { ...(env ? { env } : {}), options, columnFamilies: { other: {} } })

/** @param {Record<string, unknown>} line */
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)

let number = 0
let refused = 0

async function putNext() {
  const at = number++
  try {
    await db.put(`k${at}`, textOf(at), { ...put, columnFamily: db.columnFamily(familyOf(at)) })
    say({ acknowledged: at })
    return true
  } catch (error) {
    say({ refused: /** @type {any} */ (error).code ?? String(error) })
    return false
  }
}

while (refused < refusals) if (!(await putNext())) refused++
say({ reads: await db.get('k1', { valueEncoding: 'utf8' }) })
process.stdin.resume()
await once(process.stdin, 'data')
if (afterwards === 'die') process.kill(process.pid, 'SIGKILL')
while (!(await putNext())) await delay(100)
// RocksDB looks for room every few seconds.
for (;;) {
  try {
    await db.flush()
    break
  } catch {
    await delay(100)
  }
}
for (let more = 0; more < 100; more++) if (!(await putNext())) throw new Error('refused again')
say({ done: number })
if (afterwards === 'write then die') process.kill(process.pid, 'SIGKILL')
await db.close()
await env?.close()
process.stdin.destroy()
