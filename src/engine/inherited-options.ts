import type { InheritedFamily } from '../catalog/inherited-family.js'
import { EnvError } from '../env/env-error.js'
import { bytewiseComparator, keyOrder } from '../format/key-order.js'
import { quoted } from '../format/quoted.js'
import type { RocksDBOptions } from './options.js'

const defaultLevels = 7
/** Far above any real number. RocksDB takes memory for each. */
const maxLevels = 100

/**
 * Options without which RocksDB refuses to open a column family.
 * @param database as errors name it.
 * @throws EnvError NotSupported: its keys are in an order that RocksDB does not know by name.
 */
export function inheritedOptions(
  { name, comparator = bytewiseComparator, levels }: InheritedFamily,
  database: string,
): RocksDBOptions {
  if (!keyOrder(comparator)) {
    throw new EnvError(
      'NotSupported',
      `${database}: column family ${quoted(name)} is in the order of ${quoted(comparator)}, which RocksDB does not know by name. ` +
        'Only a program that has this comparator can read it',
    )
  }
  return {
    num_levels: Math.min(Math.max(levels, defaultLevels), maxLevels),
    ...(comparator !== bytewiseComparator && { comparator }),
  }
}
