import pLimit from 'p-limit'
import { EnvError } from '../env/env-error.js'
import { sdk } from './aws-sdk.js'
import { ForeignAnswer } from './foreign-answer.js'
import type { ObjectKey, RequestOptions } from './object-store.js'

import { s3Error } from './s3-error.js'
import type { S3Place } from './s3-listing.js'
import type { Deadline } from './send.js'
import { urlPath } from './store-url.js'

/** S3's limit for one request. */
const maxDeletions = 1000
/** For a store that deletes one object per request. */
const concurrentDeletions = 16

/** Deletes objects: many per request, or one per request if the store supports nothing else. */
export class S3Deletions {
  readonly #place: S3Place
  #hasMultiDelete = true

  constructor(place: S3Place) {
    this.#place = place
  }

  async delete(keys: readonly ObjectKey[], options: RequestOptions): Promise<void> {
    for (let start = 0; start < keys.length; start += maxDeletions) {
      const batch = keys.slice(start, start + maxDeletions)
      if (this.#hasMultiDelete) await this.#deleteBatch(batch, options)
      // The batch may have found out.
      if (!this.#hasMultiDelete) await this.#deleteEach(batch, options)
    }
  }

  async #deleteBatch(keys: readonly ObjectKey[], { signal }: RequestOptions): Promise<void> {
    const { requests, bucket, prefix } = this.#place
    const objects = keys.map((key) => ({ Key: prefix + key }))
    const command = { Bucket: bucket, Delete: { Objects: objects, Quiet: true } }
    const deleteBatch = async (deadline: Deadline) => {
      try {
        const { Errors = [] } = await requests.client.send(new sdk.DeleteObjectsCommand(command), {
          abortSignal: deadline.signal,
        })
        if (Errors.length > 0) throw this.#batchError(Errors, keys.length)
      } catch (error) {
        if (!isMissingOperation(error)) throw error
        this.#hasMultiDelete = false
      }
    }
    await requests.send('delete', keys[0]!, deleteBatch, undefined, signal)
  }

  async #deleteEach(keys: readonly ObjectKey[], { signal }: RequestOptions): Promise<void> {
    const { requests, bucket, prefix } = this.#place
    const limit = pLimit(concurrentDeletions)
    const deleteOne = async (key: ObjectKey) => {
      const command = new sdk.DeleteObjectCommand({ Bucket: bucket, Key: prefix + key })
      const send = (deadline: Deadline) => requests.client.send(command, { abortSignal: deadline.signal })
      try {
        await requests.send('delete', key, send, undefined, signal)
      } catch (error) {
        if (!EnvError.is(error, 'NotFound')) throw error
      }
    }
    await Promise.all(keys.map((key) => limit(deleteOne, key)))
  }

  #batchError(errors: readonly DeletionError[], count: number): EnvError {
    const translated = errors.map(({ Key = '', Code, Message }) =>
      s3Error(
        { name: Code, message: Message ?? Code },
        'delete',
        `${errors.length} of ${count} objects, first s3://${this.#place.bucket}/${urlPath(Key)}`,
      ),
    )
    return translated.find((error) => !error.retryable) ?? translated[0]!
  }
}

interface DeletionError {
  readonly Key?: string | undefined
  readonly Code?: string | undefined
  readonly Message?: string | undefined
}

/** Reports whether the store has no DeleteObjects: it says so as S3 does, or as a web server without POST there. */
function isMissingOperation(error: unknown): boolean {
  const { $metadata } = error as { readonly $metadata?: { readonly httpStatusCode?: number } }
  const status = error instanceof ForeignAnswer ? error.statusCode : $metadata?.httpStatusCode
  return status === 501 || status === 405
}
