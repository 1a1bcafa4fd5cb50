/** Writes until it is killed. Prints what was acknowledged: `write N`, `flush N`. */
import { writeSync } from 'node:fs'
import { cloudEnv, RocksDB } from '#src/index.js'
import { batchSize, contentOf, indexOf, keyOf, lastWriteKey } from './crash-workload.js'

const { path, envOptions, options, firstWrite, flushEvery } = JSON.parse(process.argv[2] ?? '')
const db = await RocksDB.open(path, { env: cloudEnv(envOptions), options })
writeSync(1, 'open\n')

/** @type {Promise<unknown>} */
let flushing = Promise.resolve()
for (let n = firstWrite, batches = 1; ; n += batchSize, batches++) {
  const last = n + batchSize - 1
  /** @type {import('#src/index.js').BatchOperation[]} */
  const puts = []
  for (let i = n; i <= last; i++) puts.push({ type: 'put', key: keyOf(indexOf(i)), value: contentOf(i) })
  puts.push({ type: 'put', key: lastWriteKey, value: String(last) })
  await db.batch(puts)
  writeSync(1, `write ${last}\n`)
  if (batches % flushEvery === 0) {
    await flushing
    flushing = db.flush().then(() => writeSync(1, `flush ${last}\n`))
    if (batches % (5 * flushEvery) === 0) flushing = flushing.then(() => db.compactRange())
  }
}
