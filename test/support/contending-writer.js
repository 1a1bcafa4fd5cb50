/**
 * Opens a database again and again and writes to it until it is displaced or killed. Each opening writes keys of its own,
 * in numbered batches. Prints what was acknowledged: `written OPENING COUNT` and `flushed OPENING COUNT`.
 */
import { randomUUID } from 'node:crypto'
import { writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { cloudEnv, RocksDB } from '#src/index.js'
import { batchOf } from './contention.js'

const { path, envOptions, options } = JSON.parse(process.argv[2] ?? '')
const env = cloudEnv(envOptions)

/** @param {string} line */
const say = (line) => writeSync(1, `${line}\n`)
/** @param {any} error */
const show = (error) => `${error?.code} ${String(error?.message).replaceAll('\n', ' ')}`

for (;;) {
  try {
    await write(await RocksDB.open(path, { env, options }))
  } catch (error) {
    say(`refused ${show(error)}`)
    await delay(50)
  }
}

/** @param {RocksDB} db */
async function write(db) {
  const opening = randomUUID().slice(0, 8)
  say(`opened ${opening}`)
  try {
    for (let count = 0; count < 400; count++) {
      await db.batch(batchOf(opening, count))
      say(`written ${opening} ${count + 1}`)
      if (count % 20 === 0) {
        await db.flush({ timeoutMs: 20_000 })
        say(`flushed ${opening} ${count + 1}`)
      }
      if (count % 150 === 149) await db.compactRange()
    }
  } catch (error) {
    say(`failed ${show(error)}`)
  }
  await db.close({ timeoutMs: 5000 }).catch((error) => say(`unflushed ${show(error)}`))
}
