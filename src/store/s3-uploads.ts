import { randomUUID } from 'node:crypto'
import type {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CompleteMultipartUploadCommandOutput,
  CreateMultipartUploadCommand,
  PutObjectCommandInput,
  S3Client,
  UploadPartCommand,
  UploadPartCommandOutput,
} from '@aws-sdk/client-s3'
import type { Clock } from '../env/clock.js'
import { EnvError } from '../env/env-error.js'
import { settledWithin } from '../env/settled-within.js'
import { Abortable } from './abortable.js'
import { answeredEtag } from './answered-etag.js'
import { sdk, Upload } from './aws-sdk.js'
import { FileRange } from './file-range.js'
import type { ObjectInfo, ObjectKey, PutBody, RequestOptions } from './object-store.js'
import { bodySize } from './put-body.js'
import type { RequestChecksums } from './request-checksums.js'
import { sendBody } from './s3-body.js'
import type { S3Requests } from './s3-requests.js'
import type { UnfinishedUploads } from './unfinished-uploads.js'

/** Maximum of parts that S3 takes for one object. */
export const maxParts = 10_000
/** Four parts under way keep a fast line busy. Each holds 4 MiB of memory, however large it is: see `filePieces`. */
const partBytes = 16 * 1024 * 1024
const concurrentParts = 4
/** Identifies the object that a completion without an answer made. */
export const writeIdMetadata = 'cloudenv-write-id'
/** Each frees the parts that arrived during the one before. */
const maxAborts = 3
/** Nobody waits longer for parts to be freed: the next owner of a database finds the leftover ones. */
const closeMs = 5_000

/** Writes large objects in parts, with the SDK's `Upload`. Each request is sent like any other of the store. */
export class S3Uploads {
  readonly #requests: S3Requests
  readonly #checksums: RequestChecksums
  readonly #unfinished: UnfinishedUploads
  readonly #head: (key: ObjectKey, options: RequestOptions) => Promise<ObjectInfo>
  readonly #clock: Clock
  /** Uploads under way, including those in the background until their parts are freed. */
  readonly #uploads = new Map<Abortable, Promise<unknown>>()

  constructor(options: {
    readonly requests: S3Requests
    readonly checksums: RequestChecksums
    readonly unfinished: UnfinishedUploads
    readonly head: (key: ObjectKey, options: RequestOptions) => Promise<ObjectInfo>
    readonly clock: Clock
  }) {
    this.#requests = options.requests
    this.#checksums = options.checksums
    this.#unfinished = options.unfinished
    this.#head = options.head
    this.#clock = options.clock
  }

  /**
   * Writes one object.
   * @returns its ETag.
   * @throws EnvError: the first failure, after the parts are freed; at once if `signal` aborts.
   */
  async put(
    key: ObjectKey,
    body: PutBody,
    parameters: PutObjectCommandInput,
    signal?: AbortSignal,
  ): Promise<string> {
    const work = new Abortable(signal)
    const target = { key, writeId: randomUUID(), signal: work.signal }
    const size = bodySize(body)
    const upload = new Upload({
      client: this.#clientFor(target),
      params: {
        ...parameters,
        Metadata: { ...parameters.Metadata, [writeIdMetadata]: target.writeId },
        Body: body instanceof Uint8Array ? body : new FileRange(body),
        ContentLength: size,
        ChecksumAlgorithm: 'CRC32',
      },
      partSize: Math.max(partBytes, Math.ceil(size / maxParts)),
      queueSize: concurrentParts,
    })
    const send = async () => {
      const done = upload.done()
      const ended = done.catch(() => {}).finally(() => this.#uploads.delete(work))
      this.#uploads.set(work, ended)
      const { ETag } = await done
      return answeredEtag(ETag)
    }
    return await this.#requests.withErrorContext('put', key, () => work.untilAborted(send))
  }

  /** Ends the uploads under way. Resolves once their parts are freed, or the store takes too long. */
  async close(): Promise<void> {
    for (const work of this.#uploads.keys())
      work.abort(new DOMException('the store was closed', 'AbortError'))
    await settledWithin(this.#clock, closeMs, Promise.all(this.#uploads.values()))
  }

  /** Client of one upload, with the time-outs, attempts and listener of {@link S3Requests}. */
  #clientFor(target: Target): S3Client {
    const send = (command: UploadCommand) => this.#send(command, target)
    return Object.create(this.#requests.client, { send: { value: send } })
  }

  #send(command: UploadCommand, target: Target): Promise<unknown> {
    if (command instanceof sdk.UploadPartCommand) return this.#sendPart(command, target)
    if (command instanceof sdk.CompleteMultipartUploadCommand) return this.#complete(command, target)
    if (command instanceof sdk.AbortMultipartUploadCommand) return this.#abort(command, target)
    // The signal does not end this request: without an answer, nobody could abort the upload.
    return this.#requests.send('put', target.key, (deadline) =>
      this.#requests.client.send(command, { abortSignal: deadline.signal }),
    )
  }

  /** As a stream, whose payload is not hashed for the signature, as it is for bytes over plain HTTP. */
  async #sendPart({ input }: UploadPartCommand, { key, signal }: Target): Promise<UploadPartCommandOutput> {
    const part = input.Body instanceof FileRange ? input.Body.body : (input.Body as Uint8Array)
    const size = bodySize(part)
    return await this.#requests.retry(async (attempt) => {
      const checksum = await this.#checksums.parameterFor(part)
      return await this.#requests.sendOnce(
        { operation: 'put', key, attempt, bytesOf: () => size, signal },
        (deadline) => {
          deadline.allow(size)
          return sendBody(part, deadline.signal, async (content, abortSignal) => {
            const { ChecksumAlgorithm: _, ...parameters } = input
            const command = new sdk.UploadPartCommand({
              ...parameters,
              ...checksum,
              ContentLength: size,
              Body: content,
            })
            const output = await this.#requests.client.send(command, { abortSignal })
            answeredEtag(output.ETag)
            return output
          })
        },
      )
    }, signal)
  }

  /** An attempt without an answer may have taken effect. The store then refuses the next: the parts are used up. */
  #complete(
    command: CompleteMultipartUploadCommand,
    { key, writeId, signal }: Target,
  ): Promise<Pick<CompleteMultipartUploadCommandOutput, 'ETag'>> {
    const complete = (attempt: number) =>
      this.#requests.sendOnce({ operation: 'put', key, attempt, signal }, (deadline) => {
        deadline.allowServerWork()
        return this.#requests.client.send(command, { abortSignal: deadline.signal })
      })
    let mayHaveTakenEffect = false
    return this.#requests.retry(async (attempt) => {
      try {
        return await complete(attempt)
      } catch (error) {
        if (EnvError.is(error) && error.retryable) mayHaveTakenEffect = true
        else if (mayHaveTakenEffect) {
          const found = await this.#head(key, { signal }).catch(() => undefined)
          if (found?.metadata[writeIdMetadata] === writeId) return { ETag: found.etag }
        }
        throw error
      }
    }, signal)
  }

  /**
   * Frees the parts as well as it can: leftover ones harm nobody, and the earlier failure is the one to report. S3 may
   * keep a part that arrives while it aborts.
   */
  async #abort({ input }: AbortMultipartUploadCommand, { key }: Target): Promise<void> {
    const upload = { key, id: input.UploadId! }
    try {
      for (let aborts = 0; aborts < maxAborts; aborts++) {
        await this.#unfinished.abort(upload)
        if ((await this.#unfinished.bytesOf(upload)) === 0) return
      }
    } catch {
      // See above.
    }
  }
}

interface Target {
  readonly key: ObjectKey
  readonly writeId: string
  readonly signal: AbortSignal
}

/** Commands that `Upload` sends for an object of several parts. */
type UploadCommand =
  | CreateMultipartUploadCommand
  | UploadPartCommand
  | CompleteMultipartUploadCommand
  | AbortMultipartUploadCommand
