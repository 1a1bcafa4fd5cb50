import assert from 'node:assert/strict'
import { EnvError, type EnvErrorCode } from '../env/env-error.js'
import { type ListOptions, type ObjectStore, PreconditionFailed } from '../store/object-store.js'

/** Subject of a claim. */
export interface Trial {
  /** A store on an empty place of its own. */
  readonly store: ObjectStore
  /** Another client of the same place. */
  reopen(): Promise<ObjectStore>
  /** A client of a place below that one. */
  below(path: string): Promise<ObjectStore>
  /** A local file with this content, to be put. */
  file(content: Uint8Array): Promise<{ readonly file: string; readonly size: number }>
}

/** Rejects if the claim does not hold. */
export type Claim = (trial: Trial) => Promise<void>

/** By name: a sentence. */
export type Claims = Readonly<Record<string, Claim>>

export const bytes = (content: string): Buffer => Buffer.from(content)
export const text = (content: Uint8Array): string => Buffer.from(content).toString()

export async function textOf(store: ObjectStore, key: string): Promise<string> {
  return text((await store.get(key)).body)
}

export async function keysOf(store: ObjectStore, prefix = '', options?: ListOptions): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list(prefix, options)) keys.push(key)
  return keys
}

export function assertBytes(actual: Uint8Array, expected: Uint8Array, message: string): void {
  assert.ok(Buffer.compare(actual, expected) === 0, message)
}

/** The error has to name the object. */
export async function assertFails(call: Promise<unknown>, code: EnvErrorCode, key: string): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(EnvError.is(error), `expected an EnvError, got ${error}`)
    assert.equal(error.code, code)
    assert.ok(error.message.includes(key), `expected the error to name ${key}, got: ${error.message}`)
    return true
  })
}

export async function assertConditionFails(put: Promise<unknown>): Promise<void> {
  await assert.rejects(put, (error) => {
    assert.ok(error instanceof PreconditionFailed, `expected PreconditionFailed, got ${error}`)
    return true
  })
}
