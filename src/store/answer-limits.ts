import { pipeline, type Readable, Transform } from 'node:stream'
import type { S3Client } from '@aws-sdk/client-s3'

/**
 * A page of a listing has 1,000 keys of 1,024 bytes, three times as long if each byte is escaped, and as much data
 * about them. No answer is longer, except the content of an object.
 */
const maxAnswerBytes = 8 * 1024 * 1024
/** S3's own errors have some hundred bytes. */
const maxErrorBytes = 256 * 1024

/**
 * Bounds what the SDK reads into memory: every answer except the content of an object, which the requested range
 * bounds. A longer answer fails with `OversizedAnswer`.
 */
export function limitAnswers(client: S3Client): void {
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        const result = await next(args)
        const response = result.response as Response
        const isError = response.statusCode >= 300
        const isContent = commandName === 'GetObjectCommand' && !isError
        if (response.body && !isContent) {
          response.body = bounded(response.body, {
            maxBytes: isError ? maxErrorBytes : maxAnswerBytes,
            httpStatusCode: response.statusCode,
          })
        }
        return result
      },
    // Inside the middleware that reads the answer.
    { step: 'deserialize', priority: 'low', name: 'limitAnswers' },
  )
}

interface Response {
  readonly statusCode: number
  body?: Readable
}

function bounded(
  body: Readable,
  { maxBytes, httpStatusCode }: { readonly maxBytes: number; readonly httpStatusCode: number },
): Readable {
  let bytes = 0
  const limit = new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      bytes += chunk.length
      if (bytes <= maxBytes) return callback(null, chunk)
      const error = new Error(`the answer has more than ${maxBytes} bytes`)
      callback(Object.assign(error, { name: 'OversizedAnswer', $metadata: { httpStatusCode } }))
    },
  })
  // The reader of `limit` sees the errors.
  pipeline(body, limit, () => {})
  return limit
}
