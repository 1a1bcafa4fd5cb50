import { valueTypeName } from '../../format/internal-key.js'
import { entryJson } from '../../inspect/sst-json.js'
import type { EntryRange, TableEntry } from '../../table/table-block.js'
import type { TableReader } from '../../table/table-reader.js'
import { type ShownAs, shownKey, shownValue } from '../shown-bytes.js'
import type { TableProblems } from '../table-problems.js'
import { jsonLine } from './json.js'
import { LineWriter } from './line-writer.js'
import { startProgress } from './progress.js'

interface EntriesOptions extends EntryRange {
  readonly json?: true
  readonly as: ShownAs
  readonly limit?: number
}

/** Prints the entries of a range, one per line, and then the range deletions that overlap it. */
export async function printEntries(
  reader: TableReader,
  problems: TableProblems,
  options: EntriesOptions,
): Promise<void> {
  const { limit = Number.POSITIVE_INFINITY } = options
  if (limit === 0) return
  const lines = new LineWriter()
  // Lines on a terminal show the progress themselves.
  const progress = process.stdout.isTTY ? undefined : startProgress('reading', { unit: 'entries' })
  let printed = 0
  try {
    for await (const entry of entriesOf(reader, problems, options)) {
      await lines.write(options.json ? jsonLine(entryJson(entry)) : entryLine(entry, options))
      progress?.add(1)
      printed += 1
      // Fetch nothing for an entry that is not wanted.
      if (printed === limit) break
    }
  } catch (error) {
    problems.note(error)
  } finally {
    progress?.end()
    await lines.flush()
  }
}

async function* entriesOf(
  reader: TableReader,
  { note }: TableProblems,
  { from, to }: EntryRange,
): AsyncGenerator<TableEntry> {
  const range = { ...(from && { from }), ...(to && { to }) }
  yield* reader.entries({ ...range, onDamage: note })
  yield* reader.rangeDeletions(range)
}

/** Tabs in keys and values are escaped: those on the line are ours. */
function entryLine({ userKey, sequence, type, value }: TableEntry, { as }: EntriesOptions): string {
  const name = valueTypeName(type)
  const shown = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  const end = name === 'rangeDeletion' ? shownKey(value, as) : shownValue(shown, as, { indented: false })
  return `${shownKey(userKey, as)}\t${sequence ?? '-'}\t${name}\t${end}`
}
