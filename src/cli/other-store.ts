import { Option } from '@commander-js/extra-typings'

/** Options for the store of a clone's source, if that is reached in another way. */
export const sourceStoreOptions = optionsFor('source', 'source')

/** As commander parses them. */
export type SourceStoreOptions = {
  readonly sourceEndpoint?: string
  readonly sourceRegion?: string
  readonly sourceProfile?: string
}

/** Options for the store of a database that a command makes, if that is reached in another way. */
export function newStoreOptions(noun: 'copy' | 'clone'): readonly Option[] {
  return optionsFor('to', noun)
}

/** As commander parses them. */
export type NewStoreOptions = {
  readonly toEndpoint?: string
  readonly toRegion?: string
  readonly toProfile?: string
}

function optionsFor(prefix: string, noun: string): readonly Option[] {
  return [
    new Option(`--${prefix}-endpoint <url>`, `of the server of the ${noun}, if it is another one`),
    new Option(`--${prefix}-region <name>`, `of the bucket of the ${noun}, if it is another one`),
    new Option(`--${prefix}-profile <name>`, `for the store of the ${noun}, if it is another one`),
  ]
}
