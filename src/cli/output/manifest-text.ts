import type { Manifest } from '../../catalog/manifest.js'
import type { ReadManifests } from '../../catalog/read-manifests.js'
import { totalSize } from '../../catalog/total-size.js'
import type { PlacedEdit } from '../../catalog/version-edits.js'
import { blobFileName, tableFileName, walFileName } from '../../format/file-name.js'
import type { InternalKey } from '../../format/internal-key.js'
import type { NewTable, VersionEdit } from '../../format/version-edit.js'
import { printable, shortened, shortenedBytes } from '../../inspect/printable.js'
import { decodeEdits } from '../decode-edits.js'
import { bold, cyan, dim, green, red } from './colour.js'
import { epochText } from './epoch.js'
import { LineWriter } from './line-writer.js'
import { problemLine } from './problem.js'
import { counted, formatBytes, formatCount } from './text.js'

/**
 * Prints the result, with the MANIFEST as it is decoded.
 * @returns the number of problems.
 */
export async function printManifest({ cloudManifest, manifest, ...found }: ReadManifests): Promise<number> {
  const lines = new LineWriter()
  const problems = [...found.problems]
  if (cloudManifest) {
    await lines.write(heading(cloudManifest.url, cloudManifest.sizeBytes))
    for (const { epoch, endFile, byteOffset } of cloudManifest.epochs) {
      const files = endFile === undefined ? 'current' : `wrote the files below ${endFile}`
      await lines.write(`${offset(byteOffset)}  ${cyan(epochText(epoch))}  ${files}`)
    }
    if (manifest) await lines.write('')
  }
  if (manifest) {
    await lines.write(heading(manifest.url, manifest.object.size))
    const families = new Map([[0, 'default']])
    const decoded = await decodeEdits(manifest, async (placed) => {
      for (const line of editLines(placed, families)) await lines.write(line)
    })
    if (decoded.state) await lines.write(`\n${summary(decoded.state)}`)
    problems.push(...decoded.problems)
  }
  for (const problem of problems) await lines.write(`\n${problemLine(problem)}`)
  await lines.flush()
  return problems.length
}

function heading(url: string, sizeBytes: number): string {
  return `${bold(printable(url))}  ${formatBytes(sizeBytes)}`
}

function offset(bytes: number): string {
  return dim(`@${bytes}`.padEnd(offsetWidth))
}

const offsetWidth = 8

/** The first line has the offset; the others are indented to match. */
function* editLines({ start, edit }: PlacedEdit, families: Map<number, string>): Generator<string> {
  const { columnFamily, addedColumnFamily } = edit
  if (addedColumnFamily !== undefined && families.size < maxNames)
    families.set(columnFamily, shortened(printable(addedColumnFamily), shownNameLength))
  const family = families.get(columnFamily) ?? `column family ${columnFamily}`
  yield `${offset(start)}  ${[cyan(family), ...numberFields(edit)].join('  ')}`
  for (const line of fileLines(edit)) yield `${' '.repeat(offsetWidth)}    ${line}`
}

const shownNameLength = 40
/** Limit on names, above what RocksDB has memory for: further column families go by their numbers. */
const maxNames = 10_000

/** One line each: the first edit of a MANIFEST has all tables that existed when it was begun. */
function* fileLines(edit: VersionEdit): Generator<string> {
  for (const { number, level } of edit.deletedTables)
    yield `${red(`- ${tableFileName(number)}`)}  level ${level}`
  for (const table of edit.newTables)
    yield `${green(`+ ${tableFileName(table.number)}`)}  ${tableText(table)}`
  for (const { number, blobCount, blobBytes } of edit.newBlobFiles)
    yield `${green(`+ ${blobFileName(number)}`)}  ${counted(blobCount, 'blob')}, ${formatBytes(blobBytes)}`
  for (const { number, blobCount, blobBytes } of edit.blobGarbage)
    yield `${blobFileName(number)}  ${counted(blobCount, 'blob')} of it, ${formatBytes(blobBytes)}, are garbage`
  for (const { level, key } of edit.compactCursors)
    yield `compaction of level ${level} goes on at ${keyText(key)}`
  for (const { number, syncedBytes } of edit.addedWals) {
    const synced = syncedBytes === undefined ? '' : `  synced up to ${formatBytes(syncedBytes)}`
    yield `+ ${walFileName(number)}${synced}`
  }
}

function numberFields(edit: VersionEdit): string[] {
  const field = (label: string, value: unknown) => (value === undefined ? [] : [`${label} ${value}`])
  return [
    ...(edit.addedColumnFamily === undefined ? [] : [`added as ${edit.columnFamily}`]),
    ...(edit.dropsColumnFamily ? [red('dropped')] : []),
    ...field('comparator', edit.comparator && shownText(edit.comparator)),
    ...field('db id', edit.dbId && shownText(edit.dbId)),
    ...field('log', edit.logNumber),
    ...field('previous log', edit.prevLogNumber),
    ...field('keep logs from', edit.minLogNumberToKeep),
    ...field('next file', edit.nextFileNumber),
    ...field('last sequence', edit.lastSequence),
    ...field('highest column family', edit.maxColumnFamily),
    ...field('logs gone below', edit.deletedWalsBelow),
    ...(edit.persistsTimestamps === false ? ['timestamps are not stored'] : []),
    ...field(
      'history from',
      edit.fullHistoryTimestampLow && shortenedBytes(edit.fullHistoryTimestampLow, shownTextLength),
    ),
    ...field('atomic group, to come:', edit.remainingInGroup),
  ]
}

function shownText(text: string): string {
  return shortened(printable(text), shownTextLength)
}

/** Limit on printed text. The id of a clone includes its source's id, and is longer than any other. */
const shownTextLength = 200

function tableText(table: NewTable): string {
  const { level, size, smallest, largest, smallestSequence, largestSequence } = table
  const sequences =
    smallestSequence === undefined ? [] : [`sequence ${smallestSequence} … ${largestSequence}`]
  return [
    `level ${level}`,
    formatBytes(size),
    `${keyText(smallest)} … ${keyText(largest)}`,
    ...sequences,
    ...(table.oldestBlobFile === undefined ? [] : [`blobs from ${blobFileName(table.oldestBlobFile)} on`]),
  ].join('  ')
}

const shownKeyLength = 40

function keyText({ userKey }: InternalKey): string {
  return shortenedBytes(userKey, shownKeyLength)
}

function summary({ columnFamilies, liveTables, lastNextFileNumber, lastSequence }: Manifest): string {
  const bytes = totalSize(liveTables.values())
  return (
    `Together: ${columnFamilies.size === 1 ? '1 column family' : `${formatCount(columnFamilies.size)} column families`}, ` +
    `${counted(liveTables.size, 'table')} of ${formatBytes(bytes)}, next file ${lastNextFileNumber}, ` +
    `last sequence ${lastSequence}`
  )
}
