import { EnvError } from '../../env/env-error.js'
import { dateOfSeconds } from '../../format/date-of-seconds.js'
import type { TableFooter } from '../../format/table-footer.js'
import type { TableProperties } from '../../format/table-properties.js'
import { printable, printableBytes, shortened } from '../../inspect/printable.js'
import { jsonProblem } from '../../inspect/problem-json.js'
import { footerJson, handleJson, propertiesJson, type SstJson } from '../../inspect/sst-json.js'
import type { RangedSource } from '../../table/ranged-source.js'
import type { TableReader } from '../../table/table-reader.js'
import type { TableProblems } from '../table-problems.js'
import { bold } from './colour.js'
import { printTable } from './table.js'
import { formatAge, formatBytes, formatCount } from './text.js'
import { printJson } from './write-json.js'

/** @param reader undefined if the table could not be opened. */
export async function printProperties(
  source: RangedSource,
  reader: TableReader | undefined,
  problems: TableProblems,
  { json }: { readonly json?: true },
): Promise<void> {
  const frame = reader ?? (await readFrame(source))
  if (json) await printJson<SstJson>(sstJson(source, frame, problems))
  else printForPeople(source, frame, problems)
}

/** Readable parts of a table, from its end on. */
type Frame = Partial<Pick<TableReader, 'footer' | 'metaindex' | 'properties'>>

/** Frame of a table whose properties are unreadable. */
async function readFrame(source: RangedSource): Promise<Frame> {
  const { readFooter, readMetaindex } = await import('../../table/metaindex.js')
  try {
    const footer = await readFooter(source)
    const metaindex = await readMetaindex(source, footer).catch(undefinedIfDamaged)
    return { footer, ...(metaindex && { metaindex }) }
  } catch (error) {
    return undefinedIfDamaged(error) ?? {}
  }
}

function undefinedIfDamaged(error: unknown): undefined {
  if (!EnvError.is(error, 'Corruption') && !EnvError.is(error, 'NotSupported')) throw error
}

function sstJson(
  { name, size }: RangedSource,
  { footer, metaindex, properties }: Frame,
  problems: TableProblems,
): SstJson {
  return {
    url: name,
    sizeBytes: size,
    footer: footer ? footerJson(footer, metaindex) : null,
    properties: properties ? propertiesJson(properties) : null,
    metaindex: metaindex
      ? [...metaindex].map(([block, handle]) => ({ name: block, ...handleJson(handle) }))
      : null,
    problems: problems.all.map(jsonProblem),
  }
}

function printForPeople(
  source: RangedSource,
  { footer, metaindex, properties }: Frame,
  problems: TableProblems,
): void {
  printHeading(source, footer)
  if (properties) printPropertyTable(properties)
  if (metaindex) {
    console.log()
    printTable(
      [...metaindex],
      [
        { title: 'block', cell: ([name]) => shownText(name) },
        { title: 'offset', align: 'right', cell: ([, { offset }]) => formatCount(offset) },
        { title: 'size', align: 'right', cell: ([, { size }]) => formatBytes(size) },
      ],
    )
  }
  problems.print()
}

function printPropertyTable(properties: TableProperties): void {
  const names = [...properties.raw.keys()]
  if (names.length === 0) {
    console.log('\nno properties, as in what LevelDB wrote')
    return
  }
  console.log()
  printTable(names, [
    { title: 'property', cell: (name) => shownText(name.replace(/^rocksdb\./, '')) },
    { title: 'value', cell: (name) => propertyText(name, properties) },
  ])
}

function printHeading({ name, size }: RangedSource, footer: TableFooter | undefined): void {
  const format = footer ? `, format version ${footer.formatVersion}, ${footer.checksum}` : ''
  console.log(`${bold(printable(name))}  ${formatBytes(size)}${format}`)
}

function propertyText(name: string, { raw, numbers, texts, indexType }: TableProperties): string {
  if (name === 'rocksdb.block.based.table.index.type') return indexType
  const number = numbers.get(name)
  if (number !== undefined) return numberText(name, number)
  const text = texts.get(name)
  return text === undefined ? shownBytes(raw.get(name)!) : shownText(text)
}

function numberText(name: string, value: number): string {
  if (/(?<!key|value)\.size$|\.tail\.start\.offset$/.test(name))
    return value < 1024 ? formatBytes(value) : `${formatCount(value)} (${formatBytes(value)})`
  const date = name.endsWith('.time') ? dateOfSeconds(value) : undefined
  return date ? `${date.toISOString()} (${formatAge(date)} ago)` : formatCount(value)
}

/** RocksDB's compression options take some 200 characters. */
const shownTextLength = 400

/** Shortened before it is made printable too: it may have a million characters. */
function shownText(text: string): string {
  return shortened(printable(shortened(text, shownTextLength)), shownTextLength)
}

/**
 * Text, which most programs use for their properties, is shown as text; a value that would need escapes is shown in
 * hex.
 */
function shownBytes(bytes: Uint8Array): string {
  // The middle is cut out, of the bytes and of their digits.
  const ends =
    bytes.length <= 2 * shownTextLength
      ? bytes
      : Buffer.concat([bytes.subarray(0, shownTextLength), bytes.subarray(-shownTextLength)])
  const text = printableBytes(ends)
  const isText = text.length > 0 && text === Buffer.from(ends).toString()
  return shortened(isText ? text : `0x${Buffer.from(ends).toString('hex')}`, shownTextLength)
}
