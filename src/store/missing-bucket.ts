import type { S3Client } from '@aws-sdk/client-s3'
import { EnvError } from '../env/env-error.js'
import { sdk } from './aws-sdk.js'
import { type RetryOptions, retry } from './retry.js'
import { s3Error } from './s3-error.js'
import type { Send } from './send.js'

export interface MissingBucketOptions extends Omit<RetryOptions, 'signal'> {
  readonly client: S3Client
  readonly bucket: string
}

/**
 * Creates the bucket when a request finds that it is missing, and sends the request again. Around all other wrappers: see
 * {@link Send}.
 */
export function creatingBucket(options: MissingBucketOptions, send: Send): Send {
  let creation: Promise<void> | undefined
  return async (request, attempt) => {
    try {
      return await send(request, attempt)
    } catch (error) {
      if (!EnvError.is(error, 'PathNotFound')) throw error
      creation ??= create(options, send).catch((failure) => {
        creation = undefined
        throw failure
      })
      await creation
      return await send(request, attempt)
    }
  }
}

/** Others of ours who were quicker, or are at it. */
const isThere = new Set(['BucketAlreadyOwnedByYou', 'OperationAborted'])

async function create({ client, bucket, ...retrying }: MissingBucketOptions, send: Send): Promise<void> {
  const region = await client.config.region()
  const command = new sdk.CreateBucketCommand({
    Bucket: bucket,
    // The one region that is none in this field.
    ...(region !== 'us-east-1' && { CreateBucketConfiguration: { LocationConstraint: region as never } }),
  })
  const url = `s3://${bucket}`
  const explain = (error: unknown) => s3Error(error, 'createBucket', url)
  await retry(
    (attempt) =>
      send({ operation: 'put', store: url, key: '', attempt, explain }, async (deadline) => {
        try {
          await client.send(command, { abortSignal: deadline.signal })
        } catch (error) {
          if (!isThere.has((error as Error).name)) throw error
        }
      }),
    retrying,
  )
}
