// The public contract suite as tests, and shared parts of the tests of stores.
import { test } from 'vitest'
import type { ListOptions, ObjectStore } from '#src/store/object-store.js'
import { objectStoreContract } from '#src/testing/index.js'

export const text = (content: Uint8Array): string => Buffer.from(content).toString()
export const bytes = (content: string): Buffer => Buffer.from(content)

export const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

export async function keysOf(store: ObjectStore, prefix = '', options?: ListOptions): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list(prefix, options)) keys.push(key)
  return keys
}

/** @param open a client of the place of that name, empty at first. */
export function testContract(open: (place: string) => ObjectStore | Promise<ObjectStore>): void {
  for (const { name, run } of objectStoreContract(open)) test(name, run)
}
