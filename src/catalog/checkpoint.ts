/** A checkpoint is a branch that nobody writes to. Its cookie has its name. */
const prefix = 'checkpoint-'

/** Cookie of the checkpoint of that name. */
export function checkpointCookie(name: string): string {
  return `${prefix}${name}`
}

/** Name of the checkpoint with that cookie; undefined if the cookie is none of a checkpoint. */
export function checkpointName(cookie: string): string | undefined {
  return cookie.startsWith(prefix) ? cookie.slice(prefix.length) : undefined
}
