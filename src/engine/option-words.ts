/** Words for values that RocksDB writes as constants, such as `zstd` for `kZSTD`. */
import { describe } from '../options/describe.js'

const compressions = [
  'kNoCompression',
  'kSnappyCompression',
  'kZlibCompression',
  'kBZip2Compression',
  'kLZ4Compression',
  'kLZ4HCCompression',
  'kXpressCompression',
  'kZSTD',
] as const
const olderCompressions = ['kZSTDNotFinalCompression']
/** Means "as elsewhere", and ends the process if there is no elsewhere. */
const inherited = 'kDisableCompressionOption'

const constants: Readonly<Record<string, readonly string[]>> = {
  compression: [...compressions, ...olderCompressions],
  blob_compression_type: [...compressions, ...olderCompressions],
  bottommost_compression: [...compressions, ...olderCompressions, inherited],
  wal_compression: [...compressions, ...olderCompressions],
  compaction_style: [
    'kCompactionStyleLevel',
    'kCompactionStyleUniversal',
    'kCompactionStyleFIFO',
    'kCompactionStyleNone',
  ],
  checksum: ['kNoChecksum', 'kCRC32c', 'kxxHash', 'kxxHash64', 'kXXH3'],
  wal_recovery_mode: [
    'kTolerateCorruptedTailRecords',
    'kAbsoluteConsistency',
    'kPointInTimeRecovery',
    'kSkipAnyCorruptedRecords',
  ],
  compaction_pri: [
    'kByCompensatedSize',
    'kOldestLargestSeqFirst',
    'kOldestSmallestSeqFirst',
    'kMinOverlappingRatio',
    'kRoundRobin',
  ],
  index_type: ['kBinarySearch', 'kHashSearch', 'kTwoLevelIndexSearch', 'kBinarySearchWithFirstKey'],
  data_block_index_type: ['kDataBlockBinarySearch', 'kDataBlockBinaryAndHash'],
  index_shortening: ['kNoShortening', 'kShortenSeparators', 'kShortenSeparatorsAndSuccessor'],
}

/**
 * RocksDB's constant for a word, in upper or lower case, with or without the `k`. Any other text, or text of any other
 * option, is returned as it is.
 *
 * @param supported the numbers of the compressions that the linked RocksDB has.
 * @throws RangeError for a compression that RocksDB does not have, or a word for none of the option's constants.
 */
export function constantOf(name: string, path: string, text: string, supported: readonly number[]): string {
  if (name === 'compression_per_level')
    return text
      .split(':')
      .map((word) => constantOf('compression', path, word, supported))
      .join(':')
  if (!Object.hasOwn(constants, name)) return text
  const known = constants[name]!
  const found = known.find((constant) => plain(constant, name) === plain(text, name))
  const isMissing = (constant: string) => {
    const number = compressions.indexOf(constant as (typeof compressions)[number])
    return number > 0 && !supported.includes(number)
  }
  if (found !== undefined && !isMissing(found)) return found
  const usable = known.filter((constant) => !isMissing(constant))
  throw new RangeError(`expected option "${path}" to be one of ${usable.join(', ')}, got ${describe(text)}`)
}

/** The word without its redundant parts: the `k`, and the part that names the option. */
function plain(word: string, name: string): string {
  const short = word
    .trim()
    .replace(/^k(?=[A-Zx])/, '')
    .toLowerCase()
    .replace(/[\s_-]/g, '')
  const noun = name === 'compaction_style' ? /^compactionstyle/ : /compression(option)?$/
  if (short === 'none') return 'no'
  return short.replace(noun, '') || short
}
