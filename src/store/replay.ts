/**
 * An answer, or an error, of a request that was sent past the SDK's middleware, and which the SDK is to read now. Its
 * middleware must not take this for a request that is sent now.
 */
export interface Replay {
  /** The request asked for checksums, or carried some. */
  readonly withChecksums: boolean
}

/** Marks what goes on in this context of the SDK's as a replay. Call it when the middleware is put together. */
export function markReplay(context: object, replay: Replay): void {
  Object.assign(context, { [mark]: replay })
}

/** @returns undefined for a request that is sent now. Call it when the request goes through the middleware. */
export function replayOf(context: object): Replay | undefined {
  return (context as { readonly [mark]?: Replay })[mark]
}

const mark = Symbol('replay')
