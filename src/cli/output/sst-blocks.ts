import type { Problem } from '../../catalog/problem.js'
import { EnvError } from '../../env/env-error.js'
import { blockTrailerSize } from '../../format/block-handle.js'
import { jsonBytes } from '../../inspect/json-bytes.js'
import { printable, shortened } from '../../inspect/printable.js'
import { jsonProblem } from '../../inspect/problem-json.js'
import { type BlockJson, handleJson, type SstIndexJson } from '../../inspect/sst-json.js'
import type { RangedSource } from '../../table/ranged-source.js'
import type { TableBlock } from '../../table/table-block.js'
import type { TableReader } from '../../table/table-reader.js'
import { type ShownAs, shownKey } from '../shown-bytes.js'
import type { TableProblems } from '../table-problems.js'
import { red, yellow } from './colour.js'
import { type Progress, type ProgressOptions, startProgress } from './progress.js'
import type { Column } from './table.js'
import { TableWriter } from './table-writer.js'
import { formatCount } from './text.js'
import { printJson } from './write-json.js'

interface BlocksOptions {
  readonly json?: true
  readonly as: ShownAs
}

/** A table to list; without a reader, it could not be opened. */
interface ListedTable {
  readonly source: RangedSource
  readonly reader: TableReader | undefined
  readonly problems: TableProblems
}

/** Prints the data blocks by the index. */
export async function printIndex(table: ListedTable, options: BlocksOptions): Promise<void> {
  const { source, reader, problems } = table
  await printList(table, reader?.index({ onDamage: problems.note }) ?? none(), options, {
    name: 'index',
    json: indexJson,
    columns: indexColumns(source, options),
    progress: progressBeside(options, 'reading', {}),
  })
}

/** Prints all blocks, and reads each of them for that. */
export async function printBlocks(table: ListedTable, options: BlocksOptions): Promise<void> {
  const { source, reader, problems } = table
  const progress = progressBeside(options, 'checking', { unit: 'bytes', total: source.size })
  const readBlocks = async function* (): AsyncGenerator<ReadBlock> {
    if (!reader) return
    for await (const block of reader.blocks({ onDamage: problems.note })) {
      yield { ...block, ...(await contentsOf(reader, block, problems)) }
      progress?.add(block.size + blockTrailerSize)
    }
  }
  await printList(table, readBlocks(), options, {
    name: 'blocks',
    json: blockJson,
    columns: blockColumns(source, options),
    progress,
  })
}

/** No progress beside JSON on the same terminal, which would break into its only line. */
function progressBeside(
  { json }: BlocksOptions,
  step: string,
  options: ProgressOptions,
): Progress | undefined {
  return json && process.stdout.isTTY ? undefined : startProgress(step, options)
}

interface List<Row> {
  /** Name of the list's member in JSON. */
  readonly name: string
  json(row: Row): unknown
  readonly columns: readonly Column<Row>[]
  /** Ends with the list. */
  readonly progress: Progress | undefined
}

/** Prints rows as they come: a small index can name millions of blocks. */
async function printList<Row>(
  { source, problems }: ListedTable,
  rows: AsyncIterable<Row>,
  options: BlocksOptions,
  { name, json, columns, progress }: List<Row>,
): Promise<void> {
  try {
    if (options.json) {
      const later = mapped(problemsOf(problems), jsonProblem)
      await printJson({ url: source.name, [name]: mapped(rows, json), problems: later })
    } else {
      // Lines on a terminal show the progress themselves.
      await printRows(rows, columns, () => process.stdout.isTTY && progress?.end())
    }
  } finally {
    progress?.end()
  }
  if (!options.json) problems.print()
}

async function printRows<Row>(
  rows: AsyncIterable<Row>,
  columns: readonly Column<Row>[],
  beforeFirst: () => void,
): Promise<void> {
  const table = new TableWriter(columns, beforeFirst)
  try {
    for await (const row of rows) await table.write(row)
  } finally {
    // Rows found before an error are printed too.
    await table.end()
  }
}

function indexJson(block: TableBlock): SstIndexJson['index'][number] {
  return { ...handleJson(block), upperKey: jsonBytes(block.upperKey!) }
}

function indexColumns(source: RangedSource, options: BlocksOptions): readonly Column<TableBlock>[] {
  return [
    offsetColumn(source),
    { title: 'size', align: 'right', cell: ({ size }) => formatCount(size) },
    { title: 'keys up to', cell: ({ upperKey }) => keyText(upperKey!, options) },
  ]
}

/** Wide enough for the offsets of the last rows too. */
function offsetColumn({ size }: RangedSource): Column<TableBlock> {
  const width = formatCount(size).length
  return { title: 'offset', align: 'right', cell: ({ offset }) => formatCount(offset).padStart(width) }
}

type BlockContents = Pick<BlockJson, 'isSound' | 'compression' | 'contentBytes'>

type ReadBlock = TableBlock & BlockContents

async function contentsOf(
  reader: TableReader,
  block: TableBlock,
  problems: TableProblems,
): Promise<BlockContents> {
  try {
    const { bytes, compression } = await reader.readBlock(block)
    return { isSound: true, compression, contentBytes: bytes.length }
  } catch (error) {
    problems.note(error)
    return {
      isSound: EnvError.is(error, 'NotSupported') ? null : false,
      compression: null,
      contentBytes: null,
    }
  }
}

function blockJson(block: ReadBlock): BlockJson {
  const { kind, name, upperKey, isSound, compression, contentBytes } = block
  return {
    ...handleJson(block),
    kind,
    ...(name !== undefined && { name }),
    ...(upperKey && { upperKey: jsonBytes(upperKey) }),
    isSound,
    compression,
    contentBytes,
  }
}

function blockColumns(source: RangedSource, options: BlocksOptions): readonly Column<ReadBlock>[] {
  return [
    offsetColumn(source),
    { title: 'size', align: 'right', cell: ({ size }) => formatCount(size) },
    { title: 'content', align: 'right', cell: contentText },
    { title: 'compression', cell: ({ compression }) => compression ?? '' },
    {
      title: 'kind',
      cell: ({ kind, name }) =>
        kind === 'other' && name ? shortened(printable(name), shownKeyLength) : kind,
    },
    { title: 'keys up to', cell: ({ upperKey }) => (upperKey ? keyText(upperKey, options) : '') },
  ]
}

function contentText({ isSound, contentBytes }: ReadBlock): string {
  if (contentBytes !== null) return formatCount(contentBytes)
  return isSound === false ? red('damaged') : yellow('not read')
}

const shownKeyLength = 60

function keyText(key: Uint8Array, { as }: BlocksOptions): string {
  return shortened(shownKey(key, as), shownKeyLength)
}

/** Problems found so far: they are read after the rows. */
async function* problemsOf(problems: TableProblems): AsyncGenerator<Problem> {
  yield* problems.all
}

async function* mapped<T, R>(values: AsyncIterable<T>, map: (value: T) => R): AsyncGenerator<R> {
  for await (const value of values) yield map(value)
}

async function* none(): AsyncGenerator<never> {}
