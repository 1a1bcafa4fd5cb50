import { type Bytes, checkBytes, toBuffer } from '../binding/bytes.js'
import { type FamilyId, operationKind } from '../binding/native.js'
import { describe } from '../options/describe.js'
import { checkOptions } from '../options/shape.js'
import { operationChecks } from './call-checks.js'
import type { ColumnFamily } from './column-family.js'

/** A part of {@link RocksDB.batch}. */
export type BatchOperation = PutOperation | DeleteOperation | DeleteRangeOperation

export interface PutOperation {
  readonly type: 'put'
  readonly key: Bytes
  readonly value: Bytes
  readonly columnFamily?: ColumnFamily
}

export interface DeleteOperation {
  readonly type: 'delete'
  readonly key: Bytes
  readonly columnFamily?: ColumnFamily
}

export interface DeleteRangeOperation {
  readonly type: 'deleteRange'
  /** The first key of the range. */
  readonly start: Bytes
  /** The first key after the range. */
  readonly end: Bytes
  readonly columnFamily?: ColumnFamily
}

/** As `NativeDatabase.write` takes them. */
export type FlatOperations = (number | Bytes | undefined)[]

/**
 * The operations in the form of the native part, all checked: some of the mistakes would make RocksDB stop all writes.
 */
export function flatten(
  operations: readonly BatchOperation[],
  familyOf: (operation: BatchOperation) => FamilyId,
): FlatOperations {
  if (!Array.isArray(operations))
    throw new TypeError(`expected the operations to be an array, got ${describe(operations)}`)
  const flat: FlatOperations = []
  for (const operation of operations as readonly BatchOperation[]) {
    if (typeof operation !== 'object' || operation === null) {
      throw new TypeError(`expected an operation to be an object, got ${describe(operation)}`)
    }
    const { type } = operation
    if (typeof type !== 'string' || !Object.hasOwn(operationChecks, type))
      throw new RangeError(`expected "type" to be put, delete or deleteRange, got ${describe(type)}`)
    checkOptions(`a ${type} operation`, operation, operationChecks[type])
    const family = familyOf(operation)
    switch (operation.type) {
      case 'put':
        checkBytes(operation.key, 'the key')
        checkBytes(operation.value, 'the value')
        flat.push(operationKind.put, family, operation.key, operation.value)
        break
      case 'delete':
        checkBytes(operation.key, 'the key')
        flat.push(operationKind.delete, family, operation.key, undefined)
        break
      case 'deleteRange':
        checkBytes(operation.start, '"start"')
        checkBytes(operation.end, '"end"')
        if (toBuffer(operation.start).compare(toBuffer(operation.end)) > 0) {
          throw new RangeError('expected "start" to be before "end"')
        }
        flat.push(operationKind.deleteRange, family, operation.start, operation.end)
        break
    }
  }
  return flat
}
