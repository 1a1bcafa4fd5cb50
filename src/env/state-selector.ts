/**
 * Which state of a database: the latest that is not later than a time, the latest without a write of a higher sequence
 * number, or that of a checkpoint, by its name.
 */
export type StateSelector = Date | bigint | number | string
