import fc from 'fast-check'
import { expect, test } from 'vitest'
import { findState } from '#src/catalog/find-state.js'
import { DatedStore } from '../support/dated-store.js'
import { newStore, ScriptedMachine, type ScriptedRocksDB } from '../support/scripted-rocksdb.js'

const hour = 3_600_000
const retentionMs = 24 * hour

type Step =
  | { readonly kind: 'flush' | 'compact' | 'drop' | 'reopen' | 'beginManifest' }
  | { readonly kind: 'wait'; readonly hours: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.constant<Step>({ kind: 'flush' }), weight: 4 },
  { arbitrary: fc.constant<Step>({ kind: 'compact' }), weight: 2 },
  { arbitrary: fc.constant<Step>({ kind: 'drop' }), weight: 1 },
  { arbitrary: fc.constant<Step>({ kind: 'reopen' }), weight: 3 },
  { arbitrary: fc.constant<Step>({ kind: 'beginManifest' }), weight: 1 },
  { arbitrary: fc.nat(16).map<Step>((hours) => ({ kind: 'wait', hours })), weight: 3 },
)

/** A state that a commit with a new table left, and when it was no longer the present one. */
interface Committed {
  readonly at: Date
  readonly tables: readonly string[]
  until: number | undefined
}

test('a state opens for as long as the retention, however sessions, MANIFESTs and deletions follow each other', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const { store } = newStore()
      const dated = new DatedStore(store)
      const places = [{ store: dated.store, path: 'db' }] as const
      const machine = await ScriptedMachine.start(dated.store, { retentionDays: 1 })
      let nowMs = new Date('2040-06-01T00:00:00Z').getTime()
      const pass = (ms: number) => {
        nowMs += ms
        dated.advance(ms)
        machine.clock.advance(ms)
      }
      let db: ScriptedRocksDB = await machine.database().open()
      const live: string[] = []
      const committed: Committed[] = []
      const supersede = () => {
        const last = committed.at(-1)
        if (last) last.until ??= nowMs
      }
      const flush = async () => {
        live.push(await db.flush())
        supersede()
        committed.push({ at: new Date(nowMs), tables: [...live], until: undefined })
      }
      const drop = async () => {
        const name = live.shift()
        if (name === undefined) return
        await db.drop(name)
        supersede()
      }
      for (const { kind, ...rest } of steps) {
        pass(1000)
        if (kind === 'flush') await flush()
        else if (kind === 'drop') await drop()
        else if (kind === 'compact') {
          await flush()
          pass(1000)
          while (live.length > 1) await drop()
        } else if (kind === 'beginManifest') await db.beginManifest()
        else if (kind === 'reopen') {
          await db.close()
          db = await machine.database().open()
        } else if ('hours' in rest) pass((rest.hours as number) * hour)
        await db.database.owner?.settled()
        for (const { at, tables, until } of committed) {
          if (until !== undefined && nowMs - until >= retentionMs) continue
          const found = await findState(places, '', at)
          expect([...found.files.keys()].sort(), at.toISOString()).toEqual([...tables].sort())
        }
      }
      await db.close()
    }),
    { numRuns: 12, endOnFailure: true },
  )
})
