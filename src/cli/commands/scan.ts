import { Command, Option } from '@commander-js/extra-typings'
import type { Entry, EntryIterator } from '../../engine/iterator.js'
import type { KeyRange } from '../../engine/key-range.js'
import { bytewiseComparator } from '../../format/key-order.js'
import { quoted } from '../../format/quoted.js'
import type { ScanCountJson, ScanEntryJson } from '../../inspect/entry-json.js'
import { jsonBytes } from '../../inspect/json-bytes.js'
import { guarded } from '../crash-guard.js'
import { keyArgumentHelp, parseKey } from '../key-argument.js'
import { parseLimit } from '../limit-argument.js'
import { type DatabaseOptions, withDatabase, withDatabaseOptions } from '../open-database.js'
import { LineWriter } from '../output/line-writer.js'
import { startProgress, withProgress } from '../output/progress.js'
import { printJson, writeJson } from '../output/write-json.js'
import { type ShownAs, shownAsOption, shownKey, shownValue } from '../shown-bytes.js'
import { parseUrl } from '../store-options.js'
import { UsageError } from '../usage-error.js'

export const scanCommand = withDatabaseOptions(
  new Command('scan')
    .description('print the keys of a range with their values, read straight from the bucket')
    .argument('<url>', 'of a database: s3://bucket/path or file:///directory')
    .addOption(
      new Option('--gte <key>', `from this key on (${keyArgumentHelp})`).argParser(parseKey).conflicts('gt'),
    )
    .option('--gt <key>', 'after this key', parseKey)
    .addOption(new Option('--lte <key>', 'up to this key').argParser(parseKey).conflicts('lt'))
    .option('--lt <key>', 'before this key', parseKey)
    .option('--prefix <key>', 'keys that begin so', parseKey)
    .option('--reverse', 'from the last key to the first')
    .option('--limit <count>', 'at most so many', parseLimit)
    .option('--count', 'print only how many there are')
    .addOption(shownAsOption)
    .addHelpText(
      'after',
      `
A line is a key, a tab and its value. A key can be given as it is printed, with what is escaped in it, such as \\n or
\\xff, in single quotes for the shell. Bounds and prefixes are for column families in the order of their bytes, as all
are that were made without a comparator of their own.

Examples:
  cloudenv scan s3://bucket/prod/orders --prefix order/ --limit 10
  cloudenv scan s3://bucket/prod/orders --gte 0x00000011 --lt 0x00000020 --as hex
  cloudenv scan s3://bucket/prod/orders --count`,
    ),
).action((given, options) => {
  const url = parseUrl(given, options)
  return guarded(url, () => scan(url, options))
})

async function scan(url: string, options: ScanOptions): Promise<void> {
  const { columnFamily: family, gte, gt, lte, lt, prefix, reverse = false, limit } = options
  const range: KeyRange = {
    ...(gte && { gte }),
    ...(gt && { gt }),
    ...(lte && { lte }),
    ...(lt && { lt }),
    ...(prefix && { prefix }),
  }
  const isRanged = Object.keys(range).length > 0
  await withDatabase(url, { ...options, iterates: true }, async ({ db, columnFamily, comparator }) => {
    if (isRanged && comparator !== bytewiseComparator) {
      throw new UsageError(
        `column family ${quoted(family)} is in the order of ${quoted(comparator)}: bounds and prefixes are for those in ` +
          'the order of their bytes. Scan it whole, perhaps with --reverse and --limit',
      )
    }
    const found = db.iterator({
      columnFamily,
      ...range,
      reverse,
      ...(limit !== undefined && { limit }),
      fillCache: false,
    })
    if (options.count) {
      const count = await countEntries(found)
      if (options.json) await printJson<ScanCountJson>({ columnFamily: family, count })
      else console.log(String(count))
    } else {
      await printEntries(found, options.json ? writeEntryJson : entryWriter(options.as as ShownAs))
    }
  })
}

type ScanOptions = DatabaseOptions & {
  readonly gte?: Buffer
  readonly gt?: Buffer
  readonly lte?: Buffer
  readonly lt?: Buffer
  readonly prefix?: Buffer
  readonly reverse?: true
  readonly limit?: number
  readonly count?: true
  readonly as: string
}

type Entries = EntryIterator<Buffer, Buffer>

async function countEntries(entries: Entries): Promise<number> {
  return await withProgress('counting', { unit: 'entries' }, async (progress) => {
    let count = 0
    for await (const batch of batchesOf(entries)) {
      count += batch.length
      progress.add(batch.length)
    }
    return count
  })
}

async function printEntries(entries: Entries, write: EntryWriter): Promise<void> {
  // Lines on a terminal show the progress themselves.
  const progress = process.stdout.isTTY ? undefined : startProgress('scanning', { unit: 'entries' })
  const lines = new LineWriter()
  try {
    for await (const batch of batchesOf(entries)) {
      for (const entry of batch) await write(lines, entry)
      progress?.add(batch.length)
    }
  } finally {
    progress?.end()
    // Entries found before an error are printed too.
    await lines.flush()
  }
}

async function* batchesOf(entries: Entries): AsyncGenerator<Entry<Buffer, Buffer>[]> {
  for (let batch = await entries.nextBatch(); batch.length > 0; batch = await entries.nextBatch()) yield batch
}

/** Writes a line for an entry. */
type EntryWriter = (lines: LineWriter, entry: Entry<Buffer, Buffer>) => Promise<void>

async function writeEntryJson(lines: LineWriter, [key, value]: Entry<Buffer, Buffer>): Promise<void> {
  const entry: ScanEntryJson = { key: jsonBytes(key), value: jsonBytes(value) }
  await writeJson(lines, entry)
  await lines.write('')
}

/** Tabs in keys and values are escaped: the one on the line is ours. */
function entryWriter(as: ShownAs): EntryWriter {
  return (lines, [key, value]) =>
    lines.write(`${shownKey(key, as)}\t${shownValue(value, as, { indented: false })}`)
}
