import { checkpointName } from '../catalog/checkpoint.js'
import { isCheckpointName } from '../env/state-selector.js'
import { describe } from '../options/describe.js'

/** Texts that `--at` takes for a sequence number or a time. */
const isNumberOrTime = /^\d+$|^\d{4}-\d\d-\d\d/

/** @throws TypeError */
export function checkBranchName(cookie: string): void {
  checkName(cookie, 'branch')
  if (checkpointName(cookie) !== undefined)
    throw new TypeError(
      `expected a branch whose cookie does not begin as that of a checkpoint, got ${describe(cookie)}`,
    )
}

/** @throws TypeError */
export function checkCheckpointName(name: string): void {
  checkName(name, 'checkpoint')
  if (isNumberOrTime.test(name))
    throw new TypeError(
      `expected the name of a checkpoint, which is neither a sequence number nor a time, got ${describe(name)}`,
    )
}

function checkName(name: string, noun: string): void {
  if (typeof name === 'string' && isCheckpointName(name)) return
  throw new TypeError(
    `expected the name of a ${noun} to be letters, digits, "-", "_" or ".", at most 150 of them, got ${describe(name)}`,
  )
}
