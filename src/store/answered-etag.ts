/**
 * The ETag in an answer. Without it no later write could be conditional on this version: an empty `If-Match` is no
 * condition to a server.
 */
export function answeredEtag(etag: string | undefined): string {
  if (etag) return etag
  throw Object.assign(new Error('the answer has no ETag'), { name: 'NoEtag' })
}
