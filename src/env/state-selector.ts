/**
 * State of a database: the latest that is not later than a time, the latest without a write of a higher sequence
 * number, or that of a checkpoint, by its name.
 */
export type StateSelector = Date | bigint | number | string

const name = /^[A-Za-z0-9_.-]{1,150}$/

/** Reports whether it can be the name of a checkpoint. With the prefix of checkpoints it is a cookie. */
export function isCheckpointName(text: string): boolean {
  return name.test(text)
}
