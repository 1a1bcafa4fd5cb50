/** Writes pairs, one of each in each of two column families, until it is killed. Says `flush N` on standard output. */
import { writeSync } from 'node:fs'
import { cloudEnv, RocksDB } from '#src/index.js'

const { path, envOptions, options, flush } = JSON.parse(process.argv[2] ?? '')
const db = await RocksDB.open(path, { env: cloudEnv(envOptions), options, columnFamilies: { b: {} } })
const b = db.columnFamily('b')
const content = 'x'.repeat(200)
writeSync(1, 'open\n')

let flushing = Promise.resolve()
for (let n = 0; ; n++) {
  const key = String(n).padStart(9, '0')
  await db.batch([
    { type: 'put', key, value: content },
    { type: 'put', key, value: content, columnFamily: b },
  ])
  if (flush && n % 2000 === 1999) {
    await flushing
    flushing = db
      .flush(n % 4000 === 1999 ? {} : { columnFamily: b })
      .then(() => void writeSync(1, `flush ${n}\n`))
  }
}
