import { Command } from '@commander-js/extra-typings'
import { objectUrl, type Places } from '../../catalog/database-place.js'
import type { ReadManifests } from '../../catalog/read-manifests.js'
import { EnvError } from '../../env/env-error.js'
import { objectName } from '../../format/file-name.js'
import { checkDirectory } from '../check-directory.js'
import { checkNoCookie } from '../check-no-cookie.js'
import { exitCode } from '../exit-code.js'
import { noDatabase } from '../no-database.js'
import { splitObjectUrl } from '../object-url.js'
import { printManifestJson } from '../output/manifest-json.js'
import { printManifest } from '../output/manifest-text.js'
import { withProgress } from '../output/progress.js'
import { parseUrl, withInspectOptions, withPlaces } from '../store-options.js'

export const manifestCommand = withInspectOptions(
  new Command('manifest')
    .description('print the CLOUDMANIFEST and the MANIFEST, edit by edit')
    .argument('<url>', 'of a database, or of one of its MANIFESTs: s3://bucket/path/MANIFEST-<epoch>')
    .addHelpText(
      'after',
      `
Each edit is preceded by the byte offset of its record.

Examples:
  cloudenv manifest s3://bucket/prod/orders
  cloudenv manifest s3://bucket/prod/orders/MANIFEST-53b1925fbae26935 --json`,
    ),
).action(async (given, options) => {
  const url = parseUrl(given, options)
  const { databaseUrl, name } = splitObjectUrl(url)
  const isManifest = name?.kind === 'manifest'
  if (isManifest) checkNoCookie(options, url)
  const found = await withPlaces(isManifest ? databaseUrl : url, options, (places) =>
    isManifest ? fetchManifest(places, objectName(name)) : readBoth(places, options.cookie ?? ''),
  )
  const problems = options.json ? await printManifestJson(url, found) : await printManifest(found)
  if (problems > 0) process.exitCode = exitCode.foundWrong
})

/** @throws UsageError there is no database; EnvError Corruption: it lost its CLOUDMANIFEST. */
async function readBoth(places: Places, cookie: string): Promise<ReadManifests> {
  const { readManifests } = await import('../../catalog/read-manifests.js')
  const found = await withProgress('fetching', { unit: 'objects' }, (progress) =>
    readManifests(places, cookie, { onObject: () => progress.add(1) }),
  )
  if (!found) throw await noDatabase(places[0], cookie)
  return found
}

/** @throws EnvError NotFound, PathNotFound */
async function fetchManifest(places: Places, name: string): Promise<ReadManifests> {
  const state = await import('../../catalog/state-objects.js')
  const manifest = await withProgress('fetching', { unit: 'objects' }, () =>
    state.fetchManifest(places, name),
  )
  if (!manifest) {
    await checkDirectory(places[0])
    throw new EnvError('NotFound', `${objectUrl(places[0], name)} is not there`)
  }
  return { cloudManifest: undefined, manifest, problems: [] }
}
