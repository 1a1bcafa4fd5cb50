import type { BoundedObject } from '../../catalog/get-first.js'
import type { Problem } from '../../catalog/problem.js'
import type { ReadManifests } from '../../catalog/read-manifests.js'
import type { PlacedEdit } from '../../catalog/version-edits.js'
import {
  cloudManifestJson,
  type EditJson,
  editJson,
  type ManifestJson,
  newTablesJson,
  stateJson,
} from '../../inspect/manifest-json.js'
import { jsonProblem } from '../../inspect/problem-json.js'
import { decodeEdits } from '../decode-edits.js'
import { LineWriter } from './line-writer.js'
import { type Streamed, writeJson, writeMembers } from './write-json.js'

/**
 * Prints the result, with the MANIFEST as it is decoded: all of it may be longer than a string can be.
 * @returns the number of problems.
 */
export async function printManifestJson(
  url: string,
  { cloudManifest, ...found }: ReadManifests,
): Promise<number> {
  const lines = new LineWriter()
  const before: Omit<ManifestJson, 'manifest' | 'problems'> = {
    url,
    cloudManifest: cloudManifest ? cloudManifestJson(cloudManifest) : null,
  }
  await lines.writePart('{')
  await writeMembers(lines, before)
  await lines.writePart(',"manifest":')
  const problems = [...found.problems]
  if (found.manifest) problems.push(...(await writeManifest(lines, found.manifest)))
  else await lines.writePart('null')
  const after: Pick<ManifestJson, 'problems'> = { problems: problems.map(jsonProblem) }
  await lines.writePart(',')
  await writeMembers(lines, after)
  await lines.write('}')
  await lines.flush()
  return problems.length
}

async function writeManifest(lines: LineWriter, manifest: BoundedObject): Promise<readonly Problem[]> {
  const { url, object } = manifest
  await lines.writePart('{')
  await writeMembers(lines, { url, sizeBytes: object.size } satisfies ManifestPart)
  await lines.writePart(',"edits":[')
  let separator = ''
  const { state, problems } = await decodeEdits(manifest, async (placed) => {
    await lines.writePart(separator)
    await writeEdit(lines, placed)
    separator = ','
  })
  const after = { state: state ? stateJson(state) : null } satisfies ManifestPart
  await lines.writePart('],')
  await writeMembers(lines, after)
  await lines.writePart('}')
  return problems
}

type ManifestPart = Partial<NonNullable<ManifestJson['manifest']>>

/** The first edit of a MANIFEST has all tables that existed when it was begun. */
async function writeEdit(lines: LineWriter, placed: PlacedEdit): Promise<void> {
  const newTables = newTablesJson(placed.edit)
  await writeJson(lines, { ...editJson(placed), newTables } satisfies Streamed<EditJson>)
}
