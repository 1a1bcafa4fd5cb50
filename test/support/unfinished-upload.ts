import { inject } from 'vitest'
import { sdk } from '#src/store/aws-sdk.js'
import type { S3Server } from './servers.js'

/** Begins uploads in parts and leaves them, like a killed process. Stop it at the end. */
export class AbandoningClient {
  readonly #bucket: string
  readonly #client: InstanceType<typeof sdk.S3Client>

  constructor({ endpoint, region, bucket, accessKeyId, secretAccessKey }: S3Server) {
    this.#bucket = bucket
    const credentials = { accessKeyId, secretAccessKey }
    this.#client = new sdk.S3Client({ endpoint, region, forcePathStyle: true, credentials })
  }

  /** Client of the server at the endpoint. */
  static of(endpoint: string | undefined): AbandoningClient {
    return new AbandoningClient(inject('servers').find((server) => server.endpoint === endpoint)!)
  }

  /** @returns the id of the upload, which has one part of so many bytes. */
  async begin(key: string, bytes: number): Promise<string> {
    const object = { Bucket: this.#bucket, Key: key }
    const { UploadId } = await this.#client.send(new sdk.CreateMultipartUploadCommand(object))
    const part = { ...object, UploadId, PartNumber: 1, Body: Buffer.alloc(bytes) }
    await this.#client.send(new sdk.UploadPartCommand(part))
    return UploadId!
  }

  /** Reports whether the key has an upload. */
  async has(key: string): Promise<boolean> {
    const { Uploads = [] } = await this.#client.send(
      new sdk.ListMultipartUploadsCommand({ Bucket: this.#bucket, Prefix: key }),
    )
    return Uploads.some(({ Key }) => Key === key)
  }

  stop(): void {
    this.#client.destroy()
  }
}
