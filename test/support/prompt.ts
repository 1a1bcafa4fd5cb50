/**
 * Longest time, in ms, that anything prompt takes, however busy the machine is. What a test means by "at once" stays
 * below it, and what it means by "waits on" does not.
 */
export const promptMs = 30_000
