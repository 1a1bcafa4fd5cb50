import { printable, printableMessage } from '../../inspect/printable.js'
import type { UploadUsage } from '../../inspect/unfinished-uploads.js'
import { counted, formatAge, formatBytes } from './text.js'

/** `2 unfinished uploads, 16.0 MiB, the oldest begun 3 days ago`; undefined: none. */
export function uploadsText({ uploads, bytes, oldest, refusal }: UploadUsage): string | undefined {
  if (refusal !== undefined) return `Unfinished uploads: unknown. ${printableMessage(refusal)}`
  if (uploads === 0) return undefined
  const size = bytes === undefined ? '' : `, ${formatBytes(bytes)}`
  const age = oldest ? `, the oldest begun ${formatAge(oldest)} ago` : ''
  return `${counted(uploads, 'unfinished upload')}${size}${age}`
}

/** Advice on removing them, one line each. */
export function uploadsAdvice({ sample: [first] }: UploadUsage): readonly string[] {
  if (!first) return []
  const { host: bucket, pathname } = new URL(first.object)
  const key = decodeURIComponent(pathname.slice(1))
  return [
    'Aborted by whoever opens the database for writing next, or by a lifecycle rule of the bucket with',
    'AbortIncompleteMultipartUpload, or by hand (--json has all keys and ids):',
    `  aws s3api abort-multipart-upload --bucket ${bucket} --key ${quoted(key)} --upload-id ${quoted(first.id)}`,
  ]
}

function quoted(text: string): string {
  return `'${printable(text).replaceAll("'", `'\\''`)}'`
}
