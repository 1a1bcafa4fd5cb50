import { fileURLToPath } from 'node:url'
import type { StoreOptions } from '#src/store/registry.js'

/** The example of docs/stores.md as the module of a user: options that open URLs such as `memory://place`. */
export const memoryStore = {
  storeModule: fileURLToPath(new URL('../../docs/examples/memory-store.js', import.meta.url)),
} satisfies StoreOptions
