import type { ConnectionOptions } from './store-options.js'

/** Options for the other of two stores that a command reaches in different ways. */
export interface OtherStore {
  readonly endpoint: string | undefined
  readonly region: string | undefined
  readonly profile: string | undefined
}

export function isAnySet(other: OtherStore): boolean {
  return Object.values(other).some((option) => option !== undefined)
}

/** How to reach the other store: nothing of what says where the first one is holds for it. */
export function otherStore<Options extends ConnectionOptions>(
  { endpoint: _, region: __, profile: ___, ...others }: Options,
  { endpoint, region, profile }: OtherStore,
) {
  return {
    ...others,
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    ...(profile !== undefined && { profile }),
  }
}
