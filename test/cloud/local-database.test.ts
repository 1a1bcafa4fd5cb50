// State of a database after its machine loses power, at any moment of an opening.
import { expect, test } from 'vitest'
import { readView } from '#src/catalog/database-view.js'
import { LocalDatabase } from '#src/cloud/local-database.js'
import { readOwnerRecord } from '#src/cloud/owner-record.js'
import type { Files } from '#src/env/files.js'
import { parseEpoch } from '#src/format/epoch.js'
import { Disk } from '../simulation/disk.js'
import { Life, Random, Scheduler } from '../simulation/scheduler.js'
import { newStore, ScriptedMachine } from '../support/scripted-rocksdb.js'

const url = 's3://bucket/db'
const directory = '/db'
const log = '000003.log'

/** A disk whose changes are counted, and may end after any number of them. */
class Computer {
  readonly disk: Disk
  readonly #scheduler: Scheduler
  readonly #life = new Life('computer')
  changes = 0

  constructor(seed: number, maxChanges = Number.POSITIVE_INFINITY) {
    this.#scheduler = new Scheduler(new Random(seed))
    this.disk = new Disk(this.#scheduler, () => {
      this.changes += 1
      if (this.changes === maxChanges) this.#scheduler.end(this.#life)
    })
  }

  /** Runs until it ends or the power fails: then its names and bytes are those that the disk kept. */
  async run(work: (files: Files) => Promise<void>): Promise<void> {
    let isOver = false
    let failure: unknown
    work(this.disk.files(this.#life))
      .catch((error: unknown) => {
        failure = error
      })
      .finally(() => {
        isOver = true
      })
    while (!isOver && (await this.#scheduler.step()));
    if (failure) throw failure
  }

  get files(): Files {
    return this.disk.files(this.#life)
  }
}

async function aDatabase() {
  const { store } = newStore()
  const db = await (await ScriptedMachine.start(store)).database().open()
  await db.close()
  return (await readView([{ store, path: 'db' }], ''))!
}

async function writeSynced(files: Files, path: string, content: string): Promise<void> {
  const file = await files.open(path, 'w')
  await file.writeFile(content)
  await file.sync()
  const parent = await files.open(directory, 'r')
  await parent.sync()
}

test.each([
  ['of the state that it continues is replayed', true],
  ['of another state is set aside', false],
])('a synced log %s, whenever the power fails during an opening', async (_, continues) => {
  const view = await aDatabase()
  const own = view.cloudManifest.current
  const next = parseEpoch('0123456789abcdef')!
  const record = { url, epochs: [continues ? own : parseEpoch('1111111111111111')!], creating: false }

  const opening = async (files: Files) => {
    const local = new LocalDatabase(files, directory, url, async () => false)
    await local.reconcile(view, await readOwnerRecord(files, directory))
    await local.recordCandidate(view, Buffer.from('id'), [next], async () => {})
    await local.recordManifest(9)
    await local.recordClaim(next, [])
  }
  const prepare = async (files: Files) => {
    await files.mkdir(directory, { recursive: true })
    await writeSynced(files, `${directory}/${log}`, 'acknowledged')
    await writeSynced(files, `${directory}/CLOUDENV`, JSON.stringify(record))
  }

  const whole = new Computer(0)
  await whole.run(prepare)
  const prepared = whole.changes
  await whole.run(opening)
  expect(whole.changes - prepared).toBeGreaterThan(10)

  for (let cut = prepared + 1; cut <= whole.changes; cut++) {
    for (let seed = 0; seed < 4; seed++) {
      const computer = new Computer(seed, cut)
      await computer.run(prepare)
      await computer.run(opening)
      computer.disk.crash()
      const when = `after ${cut - prepared} changes`
      const logs = computer.disk.paths().filter((path) => path.endsWith(log))
      expect(logs.length, when).toBeGreaterThan(0)
      for (const path of logs) expect(computer.disk.peek(path)!.toString(), when).toBe('acknowledged')
      const written = JSON.parse(computer.disk.peek(`${directory}/CLOUDENV`)!.toString()) as typeof record
      const isReplayed = logs.includes(`${directory}/${log}`) && written.epochs.includes(own)
      expect(isReplayed, when).toBe(continues)
    }
  }
})
