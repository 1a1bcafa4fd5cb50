import type { Command, OptionValues } from '@commander-js/extra-typings'
import type { StoreOptions } from '../store/registry.js'
import { type NewStoreOptions, newStoreOptions } from './other-store.js'
import {
  type ConnectionOptions,
  type Location,
  locationOf,
  otherConnection,
  parseUrl,
  type StateOptions,
} from './store-options.js'

/** Adds options for the store of the new database to those of the command. */
export function withNewStoreOptions<Arguments extends unknown[], Own extends OptionValues>(
  command: Command<Arguments, Own>,
  noun: 'copy' | 'clone',
): Command<Arguments, Own & NewStoreOptions> {
  for (const option of newStoreOptions(noun)) command.addOption(option)
  return command as unknown as Command<Arguments, Own & NewStoreOptions>
}

/** Where a database is, and where another one is to be made of it. */
export interface NewLocation extends Location {
  readonly target: string
  /** Undefined: the new database is reached as the database itself. */
  readonly newStore?: StoreOptions
}

/** @throws UsageError */
export async function newLocationOf(
  url: string,
  newUrl: string,
  options: ConnectionOptions & StateOptions & NewStoreOptions,
): Promise<NewLocation> {
  const target = parseUrl(newUrl, options)
  const { toEndpoint: endpoint, toRegion: region, toProfile: profile } = options
  const newStore = await otherConnection('to', { ...options, endpoint, region, profile }, target)
  if (newStore) return { ...(await locationOf(url, options)), target, newStore }
  return { ...(await locationOf(url, options, target)), target }
}
