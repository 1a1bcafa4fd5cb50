// Uses a database with each of the options in a file, and says which it is at: whoever started it learns from the
// last line which ones ended the process.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RocksDB } from '#src/index.js'

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)

/** Everything that a program does with a database, in small. */
async function use(path, options) {
  const db = await RocksDB.open(path, { options })
  try {
    for (let round = 0; round < 2; round++) {
      const puts = Array.from({ length: 1000 }, (_, i) => ({
        type: 'put',
        key: `key${String(i).padStart(6, '0')}`,
        value: `value ${i} ${'x'.repeat(100)}`,
      }))
      await db.batch(puts)
      await db.put('last', '1', { sync: true })
      await db.flush({ timeoutMs: 5000 })
    }
    await db.compactRange()
    await db.get('key000500')
    let entries = 0
    for await (const _ of db.iterator()) entries++
    if (entries !== 1001) throw new Error(`a scan has ${entries} entries instead of 1001`)
  } finally {
    await db.close()
  }
}

async function outcomeOf(options) {
  const parent = mkdtempSync(join(tmpdir(), 'cloudenv-sweep-'))
  try {
    await use(join(parent, 'db'), options)
    const db = await RocksDB.open(join(parent, 'db'), { options })
    const value = await db.get('key000999', { valueEncoding: 'utf8' })
    await db.close()
    return value?.startsWith('value 999 ') ? 'works' : `reads ${value} after reopening`
  } catch (error) {
    return `${error.name}: ${error.message}`
  } finally {
    rmSync(parent, { recursive: true, force: true })
  }
}

for (const options of JSON.parse(readFileSync(process.argv[2], 'utf8'))) {
  say({ begun: options })
  const begun = performance.now()
  const outcome = await outcomeOf(options)
  say({ outcome, ms: Math.round(performance.now() - begun), rssBytes: process.memoryUsage().rss })
}
