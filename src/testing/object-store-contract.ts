import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ObjectStore } from '../store/object-store.js'
import type { Claim, Claims } from './claim.js'
import { conditionalWriteClaims } from './conditional-write-claims.js'
import { copyClaims, deletionClaims } from './deletion-claims.js'
import { listingClaims } from './listing-claims.js'
import { objectClaims } from './object-claims.js'

/** One claim of the contract of {@link ObjectStore}, to be run as a test of its own. */
export interface ContractCheck {
  /** A sentence. */
  readonly name: string
  /** Opens a store on a fresh place, and rejects if the claim does not hold there. */
  readonly run: () => Promise<void>
}

/**
 * The contract of {@link ObjectStore}, claim by claim. It needs no test runner, and goes with any.
 *
 * @param open opens a client of a place in the store: an empty one for each new name, the same one for the same name.
 * Names have letters, digits, `-`, and `/` between: what the place `a` has as `b/key`, the place `a/b` has as `key`. What
 * is left in a place is yours to remove.
 *
 * @example
 * import { test } from 'node:test'
 * import { objectStoreContract } from 'rocksdb-cloud-env/testing'
 * import { openStore } from 'mystore'
 *
 * for (const { name, run } of objectStoreContract((place) => openStore(`mystore://tests/${place}`, {}))) test(name, run)
 */
export function objectStoreContract(
  open: (place: string) => ObjectStore | Promise<ObjectStore>,
): readonly ContractCheck[] {
  const claims: Claims = {
    ...objectClaims,
    ...conditionalWriteClaims,
    ...listingClaims,
    ...deletionClaims,
    ...copyClaims,
  }
  return Object.entries(claims).map(([name, claim]) => ({ name, run: () => tryClaim(claim, open) }))
}

async function tryClaim(
  claim: Claim,
  open: (place: string) => ObjectStore | Promise<ObjectStore>,
): Promise<void> {
  const place = `place-${randomUUID()}`
  const clients: ObjectStore[] = []
  const directory = await mkdtemp(join(tmpdir(), 'cloudenv-contract-'))
  const client = async (name: string) => {
    const opened = await open(name)
    clients.push(opened)
    return opened
  }
  const reopen = () => client(place)
  try {
    await claim({
      store: await reopen(),
      reopen,
      below: (path) => client(`${place}/${path}`),
      async file(content) {
        const file = join(directory, randomUUID())
        await writeFile(file, content)
        return { file, size: content.length }
      },
    })
  } finally {
    for (const opened of clients) await opened.close()
    await rm(directory, { recursive: true })
  }
}
