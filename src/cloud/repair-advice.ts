/** What errors and `cloudenv verify` advise against damage that they both find. */

/** What helps against an object that is missing or not what it was. */
export const bringBack = 'Bring the object back, for example from an earlier version'

/** That a MANIFEST is not there, and what to do. Both are URLs. */
export function missingManifestMessage(manifest: string, cloudManifest: string): string {
  return (
    `${manifest} is missing, and ${cloudManifest} names it as the database's MANIFEST. ` +
    'Bring that object back, or an earlier version of the CLOUDMANIFEST'
  )
}
